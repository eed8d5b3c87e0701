"""The patients against the anatomy of labelled radiographs: bounds of expert masks, n = 259."""

import numpy as np
import pytest
import torch
from torch import Tensor

from hdf.boxes import largest_component, mask_bounds
from hdf_plugins.phantom.organs import draw_heart_box, make_heart
from hdf_plugins.phantom.patient import make_thorax, place_patient
from hdf_plugins.phantom.radiograph import organ_masks

COUNT, SIZE = 400, (224, 224)
EXPECTED = {  # fractions of the image: mean, standard deviation
    "centre x": (0.586, 0.037),
    "centre y": (0.553, 0.060),
    "width": (0.433, 0.061),
    "height": (0.324, 0.042),
}


def masks_of(index: int, size: tuple[int, int] = SIZE) -> Tensor:
    return organ_masks(*place_patient(0, index, size))


@pytest.fixture(scope="module")
def boxes() -> np.ndarray:
    """Boxes of heart, left and right lung as fractions of the image, [COUNT, 3, 4]."""
    found = [mask_bounds(masks_of(index)) for index in range(COUNT)]
    return torch.stack(found).numpy().astype(np.float64) / SIZE[0]


def measures(hearts: np.ndarray) -> dict[str, np.ndarray]:
    low, high = hearts[:, :2], hearts[:, 2:]
    centre, extent = (low + high) / 2, high - low
    return dict(zip(EXPECTED, [*centre.T, *extent.T], strict=True))


@pytest.mark.parametrize("name", EXPECTED)
def test_heart_boxes_spread_as_in_patients(boxes: np.ndarray, name: str) -> None:
    values = measures(boxes[:, 0])[name]
    mean, deviation = EXPECTED[name]
    assert values.mean() == pytest.approx(mean, abs=0.01)
    assert values.std() == pytest.approx(deviation, rel=0.15)


def test_cardiothoracic_ratio_includes_enlarged_hearts(boxes: np.ndarray) -> None:
    heart, left, right = boxes.transpose(1, 0, 2)
    ratio = (heart[:, 2] - heart[:, 0]) / (left[:, 2] - right[:, 0])
    assert 0.49 < ratio.mean() < 0.55
    assert 0.06 < ratio.std() < 0.09
    assert ((ratio < 0.36) | (ratio > 0.74)).mean() <= 0.005
    assert (ratio < 0.42).any()
    assert (ratio > 0.64).any()


def test_the_mean_box_is_no_solution(boxes: np.ndarray) -> None:
    hearts = boxes[:, 0]
    mean = hearts.mean(0)
    low, high = np.maximum(hearts[:, :2], mean[:2]), np.minimum(hearts[:, 2:], mean[2:])
    shared = (high - low).clip(0).prod(1)
    areas = (hearts[:, 2:] - hearts[:, :2]).prod(1)
    iou = shared / (areas + (mean[2:] - mean[:2]).prod() - shared)
    assert 0.58 < iou.mean() < 0.70


def test_sides_are_the_patients(boxes: np.ndarray) -> None:
    heart, left, right = ((part[:, 0] + part[:, 2]) / 2 for part in boxes.transpose(1, 0, 2))
    assert (right < heart).all()
    assert (heart < left).all()


def test_all_organs_are_in_the_image(boxes: np.ndarray) -> None:
    extent = boxes[..., 2:] - boxes[..., :2]
    assert extent.min() > 0.1
    assert boxes[:, 0].min() > 0
    assert boxes[:, 0].max() < 1


@pytest.mark.parametrize("index", range(30))
def test_masks_are_single_blobs_apart_from_each_other(index: int) -> None:
    masks = masks_of(index, (96, 96))
    assert masks.sum(0).max() == 1
    for mask in masks:
        assert torch.equal(largest_component(mask), mask)


def test_masks_at_two_resolutions_agree() -> None:
    small, large = masks_of(3, (128, 128)), masks_of(3, (512, 512))
    shrunk = torch.nn.functional.avg_pool2d(large.float(), 4) > 0.5
    assert (small != shrunk).float().mean() < 0.002


def test_largest_component_drops_the_small_parts() -> None:
    mask = torch.zeros(8, 8, dtype=torch.bool)
    mask[0:2, 0:2] = True  # a corner alone touches the next part: not connected
    mask[2:7, 2:4] = True
    mask[5, 2:8] = True
    mask[2:6, 7] = True
    kept = largest_component(mask)
    assert kept.sum() == mask.sum() - 4
    assert not kept[0:2, 0:2].any()


def test_largest_component_of_nothing_and_of_everything() -> None:
    for mask in (torch.zeros(4, 5, dtype=torch.bool), torch.ones(4, 5, dtype=torch.bool)):
        assert torch.equal(largest_component(mask), mask)


def test_mask_bounds_are_on_pixel_edges() -> None:
    mask = torch.zeros(100, 150, dtype=torch.bool)
    mask[10:20, 40:120] = True
    assert mask_bounds(mask).tolist() == [40, 10, 120, 20]
    assert mask_bounds(mask & False).tolist() == [0, 0, 0, 0]


def test_chambers_fill_the_drawn_box() -> None:
    random = np.random.default_rng(5)
    box = draw_heart_box(random, stretch=1.0)
    low, high = make_heart(random, box).bounds()
    assert tuple((high - low)[:2]) == pytest.approx(box.size)
    assert tuple((high + low)[:2] / 2) == pytest.approx(box.centre)


def test_patients_differ() -> None:
    first, second = (make_thorax(np.random.default_rng(seed)) for seed in (0, 1))
    assert not np.allclose(first.heart.centres, second.heart.centres)
