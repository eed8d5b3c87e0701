"""Boxes after augmentation against painted shapes: 1000 random draws a row, errors in pixels."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

from hdf.augmentation.pipeline import BoxBounds
from hdf.testing import check_augmentation
from hdf_plugins.augmentations.geometry import affine, horizontal_flip, random_crop

SIZE = (112, 112)
BOUNDS: tuple[BoxBounds, ...] = ("ellipse", "rectangle", "mask")


def _chains() -> dict[str, list[nn.Module]]:
    turn = affine(degrees=8.0, translate=0.1, scale=(0.85, 1.2))
    crop = random_crop(image_size=SIZE)
    return {
        "affine": [turn],
        "affine with shear": [affine(degrees=8.0, shear=5.0)],
        "shift and scale": [affine(translate=0.1, scale=(0.85, 1.2))],
        "horizontal_flip": [horizontal_flip()],
        "random_crop": [crop],
        "affine, horizontal_flip, random_crop": [turn, horizontal_flip(), crop],
    }


def rows() -> Iterator[tuple[str, str]]:
    """The largest error of each chain, for each way to bound."""
    for name, chain in _chains().items():
        for bounds in BOUNDS:
            errors = check_augmentation(chain, image_size=SIZE, box_bounds=bounds)
            figure = f"{errors.largest:.2f} px ({errors.compared} boxes, {errors.dropped} dropped)"
            yield f"{name}: {bounds}", figure
