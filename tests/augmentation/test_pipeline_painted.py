"""The painted-shape check of geometric Kornia modules, as a stranger would bring them."""

from collections.abc import Sequence
from typing import Any

import kornia.augmentation as K
import pytest
from torch import nn

from hdf.augmentation.pipeline import Augment, BoxBounds
from hdf.testing import check_augmentation

SIZE = (96, 128)

MODULES = {
    "affine": [
        K.RandomAffine(15, (0.1, 0.1), (0.8, 1.25), (-8, 8, -8, 8), p=1.0),
    ],
    "rotation": [K.RandomRotation(45, p=0.8)],
    "rotation90": [K.RandomRotation90((0, 3), p=1.0)],
    "shear": [K.RandomShear((-10, 10), p=1.0)],
    "translate": [K.RandomTranslate((-0.3, 0.3), (-0.3, 0.3), p=1.0)],
    "horizontal_flip": [K.RandomHorizontalFlip(p=0.5)],
    "vertical_flip": [K.RandomVerticalFlip(p=0.5)],
    "perspective": [K.RandomPerspective(0.4, p=0.9)],
    "resized_crop": [K.RandomResizedCrop(SIZE, scale=(0.6, 1.0))],
    "padded_crop": [K.RandomCrop(SIZE, padding=8, p=0.7)],
    "center_crop": [K.CenterCrop(SIZE)],
}
MODULES["chain"] = [
    *MODULES["affine"],
    *MODULES["horizontal_flip"],
    *MODULES["perspective"],
    *MODULES["rotation"],
    *MODULES["resized_crop"],
]
BOUNDS = ("ellipse", "rectangle", "mask")


@pytest.mark.parametrize("box_bounds", BOUNDS)
@pytest.mark.parametrize("name", MODULES)
def test_boxes_bound_the_warped_shapes(name: str, box_bounds: BoxBounds) -> None:
    errors = check_augmentation(MODULES[name], image_size=SIZE, box_bounds=box_bounds)
    assert errors.compared > 990


class _Unfinished(K.GeometricAugmentationBase2D):
    """Forgets to state its matrix."""


def test_a_geometric_module_that_states_no_matrix_is_refused() -> None:
    with pytest.raises(AssertionError, match="_Unfinished fails on grey images of 112 x 112"):
        check_augmentation(_Unfinished(p=1.0))


@pytest.mark.parametrize(
    ("painted", "claimed"), [("rectangle", "ellipse"), ("ellipse", "rectangle")]
)
def test_the_check_tells_the_shapes_apart(
    painted: BoxBounds, claimed: BoxBounds, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bounds of a turned rectangle are not those of its ellipse: the check has to notice."""
    monkeypatch.setattr("hdf.testing.augmentations.Augment", _augment_claiming(claimed))
    with pytest.raises(AssertionError, match="px from the shape"):
        check_augmentation(K.RandomRotation(45, p=1.0), box_bounds=painted, draws=100)


def _augment_claiming(box_bounds: BoxBounds) -> Any:
    def build(modules: Sequence[nn.Module], size: tuple[int, int], _: BoxBounds) -> Augment:
        return Augment(modules, size, box_bounds)

    return build
