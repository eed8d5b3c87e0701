"""Augmentations that move pixels, with the boxes and masks on them."""

from __future__ import annotations

from math import log
from typing import Any

import torch
from kornia.augmentation import (
    GeometricAugmentationBase2D,
    RandomAffine,
    RandomHorizontalFlip,
    RandomResizedCrop,
)
from kornia.augmentation.random_generator import PlainUniformGenerator
from kornia.geometry.transform import warp_affine
from torch import Tensor

from hdf_plugins.augmentations.base import Params, check_number, check_range


def affine(
    *,
    degrees: float = 0.0,
    translate: float = 0.0,
    scale: tuple[float, float] = (1.0, 1.0),
    shear: float = 0.0,
    p: float = 1.0,
) -> RandomAffine:
    """Rotate about the image's centre, scale, shear and shift, each drawn uniformly per image.

    Patients are upright within about 10 degrees, and centred within about a tenth of the image.

    Args:
        degrees: the largest angle to either side, 0 to 180; sensible up to 10.
        translate: the largest shift along each axis, as a fraction of the image's width and
            height, 0 to 1; sensible up to 0.1.
        scale: the smallest and the largest magnification; sensible within 0.8 to 1.25.
        shear: the largest shear angle along each axis in degrees, 0 to 45; sensible up to 5.
        p: the share of images that is transformed, 0 to 1.
    """
    check_number("degrees", degrees, 0, 180)
    check_number("translate", translate, 0, 1)
    check_range("scale", scale, 0.05, 20)
    check_number("shear", shear, 0, 45, "degrees")
    check_number("p", p, 0, 1)
    return RandomAffine(
        degrees,
        translate=(translate, translate) if translate else None,
        scale=scale if scale != (1.0, 1.0) else None,
        shear=(-shear, shear, -shear, shear) if shear else None,
        p=p,
    )


def horizontal_flip(*, p: float = 0.5) -> RandomHorizontalFlip:
    """Swap left and right.

    A mirrored chest has its heart on the wrong side, as in dextrocardia (about 1 person in 10 000),
    and labels such as ``left_lung`` keep their names while they change sides. Use it to study the
    symmetry of a detector, not for ordinary training.

    Args:
        p: the share of images that is mirrored, 0 to 1.
    """
    check_number("p", p, 0, 1)
    return RandomHorizontalFlip(p=p)


def random_crop(
    *,
    image_size: tuple[int, int],
    scale: tuple[float, float] = (0.7, 1.0),
    ratio: tuple[float, float] = (0.9, 1.1),
    p: float = 1.0,
) -> RandomResizedCrop:
    """Cut out a random part of the image and resize it to the image's own size.

    A crop may cut the heart; its box then ends at the edge of the image.

    Args:
        image_size: (height, width) of the network's image.
        scale: the crop's area as a fraction of the image's, above 0 and up to 1; sensible from 0.6.
            The side is the square root of it: 0.7 keeps 84 % of height and width.
        ratio: the crop's width over height, relative to the image's: 1 keeps the proportions;
            sensible within 0.8 to 1.25.
        p: the share of images that is cropped, 0 to 1.
    """
    check_range("scale", scale, 0.01, 1)
    check_range("ratio", ratio, 0.1, 10)
    check_number("p", p, 0, 1)
    own = image_size[1] / image_size[0]
    ratio = (ratio[0] * own, ratio[1] * own)
    crop = RandomResizedCrop(image_size, scale=scale, ratio=ratio, align_corners=False)
    # Kornia draws this module's p once per batch, since crops may change the size; these do not.
    crop.p = p
    return crop


class Aspect(GeometricAugmentationBase2D):
    """Stretch along one axis and squeeze along the other, about the centre; boxes follow.

    Some exports force films of all shapes into a square, and detectors differ in the aspect ratio
    of their pixels. Areas stay the same; `affine` changes them.

    Args:
        ratio: the smallest and the largest factor on width over height, 0.2 to 5, drawn uniformly
            on a logarithmic scale; sensible within 0.75 to 1.33.
        p: the share of images that is stretched, 0 to 1.
    """

    def __init__(self, *, ratio: tuple[float, float] = (0.85, 1.18), p: float = 0.5) -> None:
        check_range("ratio", ratio, 0.2, 5)
        check_number("p", p, 0, 1)
        super().__init__(p=p)
        bounds = (log(ratio[0]), log(ratio[1]))
        self._param_generator = PlainUniformGenerator((bounds, "log_ratio", None, None))

    def compute_transformation(self, input: Tensor, params: Params, flags: Any) -> Tensor:
        """Matrices [B, 3, 3] that act on pixel centres."""
        root = (params["log_ratio"].to(input) / 2).exp()
        scale = torch.stack([root, 1 / root, torch.ones_like(root)], -1)
        height, width = input.shape[-2:]
        center = (scale.new_tensor([width, height]) - 1) / 2
        matrices = torch.diag_embed(scale)
        matrices[:, :2, 2] = center - scale[:, :2] * center
        return matrices

    def apply_transform(
        self, input: Tensor, params: Params, flags: Any, transform: Tensor | None = None
    ) -> Tensor:
        """Warp images [B, C, H, W]; hdf composes the matrices instead."""
        assert transform is not None
        size = (input.shape[-2], input.shape[-1])
        return warp_affine(input, transform[:, :2], size, align_corners=False)
