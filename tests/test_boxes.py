"""Box algebra on pixel edges."""

from __future__ import annotations

import torch

from hdf import boxes


def test_area_is_in_square_pixels_and_zero_for_swapped_edges() -> None:
    given = torch.tensor([[40.0, 10.0, 120.0, 20.0], [5.0, 5.0, 4.0, 9.0]])
    assert boxes.area(given).tolist() == [800.0, 0.0]


def test_iou_of_known_pairs() -> None:
    first = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 10], [0, 0, 10, 10], [0, 0, 0, 0]])
    second = torch.tensor([[0.0, 0, 10, 10], [5, 0, 15, 10], [20, 20, 30, 30], [0, 0, 0, 0]])
    torch.testing.assert_close(boxes.iou(first, second), torch.tensor([1.0, 1 / 3, 0.0, 0.0]))


def test_iou_agrees_with_torchvision() -> None:
    from torchvision.ops import box_iou

    torch.manual_seed(0)
    low = torch.rand(50, 2) * 50
    first = torch.cat([low, low + torch.rand(50, 2) * 30 + 1], 1)
    second = first.roll(1, 0) + torch.rand(50, 4)
    torch.testing.assert_close(boxes.iou(first, second), box_iou(first, second).diagonal())


def test_center_size_round_trip() -> None:
    given = torch.tensor([[1.0, 2.0, 5.0, 10.0]])
    assert boxes.to_center_size(given).tolist() == [[3.0, 6.0, 4.0, 8.0]]
    assert torch.equal(boxes.from_center_size(boxes.to_center_size(given)), given)


def test_clip_cuts_to_the_image() -> None:
    given = torch.tensor([[-5.0, 3.0, 300.0, 90.0]])
    assert boxes.clip(given, (80, 200)).tolist() == [[0.0, 3.0, 200.0, 80.0]]


def test_mask_bounds_lie_on_pixel_edges() -> None:
    masks = torch.zeros(3, 20, 30, dtype=torch.bool)
    masks[0, 4:9, 10:12] = True
    masks[1, 19, 29] = True
    assert boxes.mask_bounds(masks).tolist() == [[10, 4, 12, 9], [29, 19, 30, 20], [0, 0, 0, 0]]
