from __future__ import annotations

import math

import pytest
import torch

from hdf.testing import paint
from hdf_plugins.heads.losses import projection_loss
from hdf_plugins.heads.outlines import read_outlines

SIZE = (96, 128)
BOXES = torch.tensor([[20.3, 30.6, 70.2, 60.9], [40.0, 12.5, 101.4, 88.0]])


@pytest.mark.parametrize("stride", [1, 4])
def test_bounds_are_read_to_a_fraction_of_a_map_pixel(stride: int) -> None:
    painted = paint(BOXES, SIZE)[None]
    small = torch.nn.functional.avg_pool2d(painted, stride)
    boxes, spread = read_outlines(small, SIZE)
    assert (boxes - BOXES).abs().max() < 0.2 * stride
    assert (spread > 0).all() and spread.isfinite().all()


def test_the_largest_component_counts() -> None:
    painted = paint(BOXES[:1], SIZE)[None]
    alone, _ = read_outlines(painted, SIZE)
    painted[0, 0, 2:8, 100:110] = 0.9
    assert torch.allclose(read_outlines(painted, SIZE)[0], alone)


def test_a_mask_that_fills_the_map_ends_at_its_edges() -> None:
    boxes, _ = read_outlines(torch.ones(1, 1, 24, 32), SIZE)
    assert torch.allclose(boxes[0, 0], torch.tensor([0.0, 0, 128, 96]))


def test_an_empty_mask_has_no_box() -> None:
    boxes, spread = read_outlines(torch.full((1, 2, 24, 32), 0.4), SIZE)
    assert boxes.isnan().all() and spread.isnan().all()


def test_the_spread_is_that_of_the_normal_distribution_that_rises_alike() -> None:
    places = torch.arange(64) + 0.5
    for sigma in (2.0, 4.0):
        rise = 0.5 * (1 + torch.erf((places - 20) / (sigma * math.sqrt(2))))
        image = torch.minimum(rise, rise.flip(0))[None, None, None].expand(1, 1, 64, 64)
        _, spread = read_outlines(image, (64, 64))
        assert spread[0, 0, 0].item() == pytest.approx(sigma, rel=0.1)


def test_projection_is_nothing_for_a_mask_that_fills_its_box() -> None:
    logits = torch.full((1, 1, 24, 32), -20.0)
    logits[..., 6:18, 8:20] = 20.0
    box = torch.tensor([[[32.0, 24, 80, 72]]])
    assert projection_loss(logits, box, SIZE).item() == pytest.approx(0, abs=1e-4)
    assert projection_loss(logits, box + 16, SIZE).item() > 0.2
