import math

import pytest
import torch
from torch import Tensor

from hdf.augmentation.warp import Shape, box_outlines, mask_outlines, warped_bounds

SHAPES: tuple[Shape, Shape] = ("ellipse", "rectangle")


def _rotation(degrees: float, center: float) -> Tensor:
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    x, y = center - cosine * center + sine * center, center - sine * center - cosine * center
    return torch.tensor([[[cosine, -sine, x], [sine, cosine, y], [0, 0, 1]]])


def _scale(x: float, y: float) -> Tensor:
    return torch.diag(torch.tensor([x, y, 1.0]))[None]


def _box_bounds(
    box: list[float], matrix: Tensor, shape: Shape, size: tuple[int, int] = (100, 100)
) -> tuple[list[float], list[float]]:
    outlines = box_outlines(torch.tensor([[box]]).float(), shape)
    shown, whole = warped_bounds(outlines, matrix, size)
    return shown[0, 0].tolist(), whole[0, 0].tolist()


def test_the_bounds_of_a_turned_ellipse_follow_the_closed_form() -> None:
    angle = math.radians(25)
    width = math.hypot(30 * math.cos(angle), 12 * math.sin(angle))
    height = math.hypot(30 * math.sin(angle), 12 * math.cos(angle))
    expected = [50 - width, 50 - height, 50 + width, 50 + height]
    shown, whole = _box_bounds([20, 38, 80, 62], _rotation(25, 50), "ellipse")
    assert shown == pytest.approx(expected, abs=0.01)
    assert whole == pytest.approx(expected, abs=0.01)


def test_the_bounds_of_a_turned_rectangle_are_those_of_its_corners() -> None:
    shown, _ = _box_bounds([30, 30, 70, 70], _rotation(45, 50), "rectangle")
    half = 20 * math.sqrt(2)
    assert shown == pytest.approx([50 - half, 50 - half, 50 + half, 50 + half], abs=1e-3)


@pytest.mark.parametrize("shape", SHAPES)
def test_scaling_keeps_the_box_exact(shape: Shape) -> None:
    shown, whole = _box_bounds([10, 20, 40, 60], _scale(1.25, 0.8), shape)
    assert shown == pytest.approx([12.5, 16, 50, 48], abs=1e-4)
    assert whole == pytest.approx([12.5, 16, 50, 48], abs=1e-4)


def test_a_disc_that_leaves_shows_less_than_its_full_width() -> None:
    shown, whole = _box_bounds([30, 80, 70, 120], _scale(1, 1), "ellipse")
    assert shown == pytest.approx([30, 80, 70, 100], abs=1e-3)  # the widest row is the last
    assert whole == pytest.approx([30, 80, 70, 120], abs=1e-3)
    half_chord = math.sqrt(20**2 - 10**2)
    shown, _ = _box_bounds([30, 90, 70, 130], _scale(1, 1), "ellipse")
    assert shown == pytest.approx([50 - half_chord, 90, 50 + half_chord, 100], abs=0.05)


def test_a_rectangle_that_leaves_is_cut_at_the_edge() -> None:
    shown, whole = _box_bounds([-20, 30, 15, 130], _scale(1, 1), "rectangle", (100, 90))
    assert shown == [0, 30, 15, 100]
    assert whole == [-20, 30, 15, 130]


def test_a_rectangle_around_the_image_is_cut_to_the_image() -> None:
    shown, _ = _box_bounds([-50, -60, 500, 400], _scale(1, 1), "rectangle", (100, 90))
    assert shown == [0, 0, 90, 100]


@pytest.mark.parametrize("box", [[-40, 20, -5, 50], [20, 105, 50, 140], [95, 95, 120, 120]])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_shape_outside_shows_nothing(box: list[float], shape: Shape) -> None:
    (x0, y0, x1, y1), _ = _box_bounds(box, _scale(1, 1), shape, (90, 90))
    assert x1 <= x0 or y1 <= y0


@pytest.mark.parametrize("shape", SHAPES)
def test_a_shape_that_reaches_behind_the_horizon_has_no_bounds(shape: Shape) -> None:
    matrix = torch.eye(3)[None].clone()
    matrix[:, 2, 0] = -0.1  # the depth 1 - x / 10 is positive left of x = 10 alone
    (x0, _, x1, _), whole = _box_bounds([5, 5, 20, 20], matrix, shape)
    assert x1 <= x0
    assert all(map(math.isnan, whole))


def test_a_mask_is_followed_exactly_along_the_axes() -> None:
    masks = torch.zeros(1, 1, 60, 80, dtype=torch.bool)
    masks[..., 10:20, 5:30] = True
    masks[..., 25, 40] = True  # a second piece, after a gap
    matrix = _scale(1.3, 0.7)
    matrix[:, :2, 2] = torch.tensor([0.4, 2.25])
    shown, whole = warped_bounds(mask_outlines(masks), matrix, (60, 80))
    expected = [5 * 1.3 + 0.4, 10 * 0.7 + 2.25, 41 * 1.3 + 0.4, 26 * 0.7 + 2.25]
    assert shown[0, 0].tolist() == pytest.approx(expected, abs=1e-4)
    assert whole[0, 0].tolist() == pytest.approx(expected, abs=1e-4)


def test_a_turned_mask_is_followed_to_half_a_pixel() -> None:
    y, x = torch.meshgrid(torch.arange(100) + 0.5, torch.arange(100) + 0.5, indexing="ij")
    masks = (((x - 50) / 30) ** 2 + ((y - 50) / 12) ** 2 <= 1)[None, None]
    for degrees in (7, 30, 45, 80):
        by_mask, _ = warped_bounds(mask_outlines(masks), _rotation(degrees, 50), (100, 100))
        by_ellipse, _ = _box_bounds([20, 38, 80, 62], _rotation(degrees, 50), "ellipse")
        assert by_mask[0, 0].tolist() == pytest.approx(by_ellipse, abs=0.5)
