"""The built-in geometric augmentations, alone and chained, against painted shapes."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from hdf.augmentation.pipeline import Augment, BoxBounds
from hdf.testing import check_augmentation
from hdf.types import Batch, Targets
from hdf_plugins.augmentations.geometry import Aspect, affine, horizontal_flip, random_crop

SIZE = (112, 96)
ALONE: dict[str, Callable[[], nn.Module]] = {
    "affine": lambda: affine(degrees=8, translate=0.1, scale=(0.85, 1.2), shear=4),
    "horizontal_flip": lambda: horizontal_flip(p=0.5),
    "random_crop": lambda: random_crop(image_size=SIZE, p=0.8),
    "aspect": lambda: Aspect(ratio=(0.75, 1.33), p=0.8),
}


@pytest.mark.parametrize("box_bounds", ["ellipse", "rectangle", "mask"])
@pytest.mark.parametrize("name", [*ALONE, "all"])
def test_boxes_bound_the_warped_shapes(name: str, box_bounds: BoxBounds) -> None:
    chain = [make() for make in ALONE.values()] if name == "all" else [ALONE[name]()]
    errors = check_augmentation(chain, image_size=SIZE, box_bounds=box_bounds)
    assert errors.compared > 990


def _bars(count: int) -> Batch:
    """A white bar on the left, from column 8 to 24, in each image."""
    images = torch.zeros(count, 1, *SIZE)
    images[..., 20:60, 8:24] = 1
    boxes = torch.tensor([[8.0, 20, 24, 60]]).repeat(count, 1, 1)
    ones = torch.ones(count, 1, dtype=torch.bool)
    return Batch(images, Targets(boxes, 0 * ones.long(), ones), torch.arange(count))


def test_a_flip_moves_the_left_to_the_right() -> None:
    flipped = Augment([horizontal_flip(p=1.0)], SIZE)(_bars(1), (0,))
    torch.testing.assert_close(flipped.targets.boxes, torch.tensor([[[72.0, 20, 88, 60]]]))
    assert flipped.images[0, 0, 40, 72:88].min() > 0.999


def test_an_affine_turns_by_up_to_the_given_angle_to_both_sides() -> None:
    module = affine(degrees=8)
    angles = module.forward_parameters(torch.Size((1000, 1, *SIZE)))["angle"]
    assert -8 <= angles.min() < -7.5 and 7.5 < angles.max() <= 8


def test_an_affine_shears_both_axes() -> None:
    parameters = affine(shear=5).forward_parameters(torch.Size((100, 1, *SIZE)))
    for axis in ("shear_x", "shear_y"):
        assert parameters[axis].min() < -3 and parameters[axis].max() > 3


def test_an_affine_without_options_changes_nothing() -> None:
    batch = _bars(4)
    result = Augment([affine()], SIZE)(batch, (0,))
    assert torch.equal(result.images, batch.images)
    assert torch.equal(result.targets.boxes, batch.targets.boxes)


def test_a_crop_enlarges_and_keeps_the_proportions() -> None:
    crop = random_crop(image_size=SIZE, scale=(0.5, 0.5), ratio=(1, 1))
    targets = Augment([crop], SIZE, "rectangle")(_bars(64), (0,)).targets
    inside = targets.valid[:, 0] & (targets.boxes[:, 0, :2] > 0).all(-1)
    sides = targets.boxes[inside, 0, 2:] - targets.boxes[inside, 0, :2]
    assert len(sides) > 5
    expected = torch.tensor([16.0, 40.0]) * 2**0.5
    torch.testing.assert_close(sides, expected.expand_as(sides), rtol=0.01, atol=0)


def test_a_crop_is_drawn_for_each_image() -> None:
    batch = _bars(100)
    boxes = Augment([random_crop(image_size=SIZE, p=0.5)], SIZE)(batch, (0,)).targets.boxes
    unmoved = (boxes == batch.targets.boxes).flatten(1).all(1)
    assert 30 <= int(unmoved.sum()) <= 70


def test_an_aspect_stretches_about_the_centre_and_keeps_areas() -> None:
    augment = Augment([Aspect(ratio=(1.44, 1.44), p=1.0)], SIZE, "rectangle")
    found = augment(_bars(2), (0,)).targets.boxes[0, 0]
    expected = torch.tensor([48 - 40 * 1.2, 56 - 36 / 1.2, 48 - 24 * 1.2, 56 + 4 / 1.2])
    torch.testing.assert_close(found, expected)


def test_an_aspect_widens_as_often_as_it_heightens() -> None:
    logs = Aspect(ratio=(0.5, 2.0)).forward_parameters(torch.Size((2000, 1, *SIZE)))["log_ratio"]
    assert abs(float(logs.mean())) < 0.04
    assert logs.exp().min() < 0.52 and logs.exp().max() > 1.9


def test_an_aspect_of_probability_zero_changes_nothing() -> None:
    batch = _bars(4)
    result = Augment([Aspect(p=0.0)], SIZE)(batch, (0,))
    assert torch.equal(result.images, batch.images)
    assert torch.equal(result.targets.boxes, batch.targets.boxes)


@pytest.mark.parametrize(
    ("make", "options", "message"),
    [
        (affine, {"degrees": -3}, "degrees is -3"),
        (affine, {"translate": 1.5}, "translate is 1.5.*0 to 1"),
        (affine, {"scale": (1.2, 0.8)}, r"scale is \[1.2, 0.8\].*low <= high"),
        (affine, {"scale": (0.0, 1.0)}, "scale"),
        (affine, {"shear": 90}, "shear is 90.*degrees"),
        (affine, {"p": 1.1}, "p is 1.1"),
        (horizontal_flip, {"p": -0.1}, "p is -0.1"),
        (Aspect, {"ratio": (0.0, 1.0)}, "ratio"),
        (Aspect, {"p": 3}, "p is 3"),
        (random_crop, {"image_size": SIZE, "scale": (0.5, 1.5)}, "scale"),
        (random_crop, {"image_size": SIZE, "ratio": (0.0, 1.0)}, "ratio"),
    ],
)
def test_bad_values_are_refused(
    make: Callable[..., nn.Module], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        make(**options)
