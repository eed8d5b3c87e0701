"""Images stretched along one axis."""

from __future__ import annotations

from math import log
from typing import Any

import torch
from kornia.augmentation import GeometricAugmentationBase2D
from kornia.augmentation.random_generator import PlainUniformGenerator
from kornia.geometry.transform import warp_affine
from torch import Tensor

from hdf_plugins.augmentations.ranges import check_probability, check_range


class Aspect(GeometricAugmentationBase2D):
    """Stretch along one axis and squeeze along the other, about the centre; boxes follow.

    Some exports force films of all shapes into a square, and detectors differ in the aspect ratio
    of their pixels. Areas stay the same; `affine` changes them.

    Args:
        ratio: the smallest and the largest factor on width over height, 0.2 to 5, drawn uniformly
            on a logarithmic scale; sensible within 0.75 to 1.33.
        p: the share of images that is stretched, 0 to 1.

    Raises:
        ValueError: an option is out of range.
    """

    def __init__(self, *, ratio: tuple[float, float] = (0.85, 1.18), p: float = 0.5) -> None:
        check_range("ratio", ratio, 0.2, 5)
        check_probability(p)
        super().__init__(p=p)
        bounds = (log(ratio[0]), log(ratio[1]))
        self._param_generator = PlainUniformGenerator((bounds, "log_ratio", None, None))

    def compute_transformation(
        self, input: Tensor, params: dict[str, Tensor], flags: dict[str, Any]
    ) -> Tensor:
        """Matrices [B, 3, 3] that act on pixel centres."""
        root = (params["log_ratio"].to(input) / 2).exp()
        scale = torch.stack([root, 1 / root], -1)
        height, width = input.shape[-2:]
        center = (scale.new_tensor([width, height]) - 1) / 2
        matrices = torch.eye(3, device=input.device, dtype=input.dtype).repeat(len(root), 1, 1)
        matrices[:, :2, :2] = torch.diag_embed(scale)
        matrices[:, :2, 2] = center - scale * center
        return matrices

    def apply_transform(
        self,
        input: Tensor,
        params: dict[str, Tensor],
        flags: dict[str, Any],
        transform: Tensor | None = None,
    ) -> Tensor:
        """Warp images [B, C, H, W]; hdf composes the matrices instead."""
        assert transform is not None
        size = (input.shape[-2], input.shape[-1])
        return warp_affine(input, transform[:, :2], size, align_corners=False)
