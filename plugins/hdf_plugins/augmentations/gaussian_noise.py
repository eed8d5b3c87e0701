"""Random noise."""

from __future__ import annotations

import math
from typing import Any

import torch
from kornia.augmentation import IntensityAugmentationBase2D
from kornia.augmentation.random_generator.base import RandomGeneratorBase
from torch import Tensor

from hdf_plugins.augmentations.ranges import check_number, check_probability

LEVELS = 2**16


class EvenLevels(RandomGeneratorBase):
    """A uniform integer below `LEVELS` for each pixel."""

    def make_samplers(self, device: torch.device, dtype: torch.dtype) -> None:
        """Nothing to prepare."""

    def forward(
        self, batch_shape: tuple[int, ...], same_on_batch: bool = False
    ) -> dict[str, Tensor]:
        """``levels``: uint16 [B, C, H, W], the same on every device."""
        count = math.prod(batch_shape)
        drawn = torch.empty(math.ceil(count / 4), dtype=torch.int64).random_(-(2**63), None)
        return {"levels": drawn.view(torch.uint16)[:count].view(batch_shape)}


class GaussianNoise(IntensityAugmentationBase2D):
    """Add independent normal noise to every pixel.

    Each value is one of 65,536 quantiles of the normal distribution, which takes less than half the
    time of drawing normal numbers. The standard deviation is right to four digits; the largest
    value is 4.2 standard deviations from zero.

    Args:
        std: its standard deviation as a fraction of the grey range, 0 to 1; sensible up to 0.05
            (a low-dose radiograph reduced to a network's size shows less than 0.02).
        p: the share of images that is changed, 0 to 1.

    Raises:
        ValueError: an option is out of range.
    """

    def __init__(self, *, std: float = 0.02, p: float = 0.5) -> None:
        check_number("std", std, 0, 1)
        check_probability(p)
        super().__init__(p=p)
        self._param_generator = EvenLevels()
        middles = (torch.arange(LEVELS, dtype=torch.float64) + 0.5) / LEVELS
        self._quantiles = (std * torch.special.ndtri(middles)).float()

    def apply_transform(
        self,
        input: Tensor,
        params: dict[str, Tensor],
        flags: dict[str, Any],
        transform: Tensor | None = None,
    ) -> Tensor:
        """Add noise to images [B, C, H, W]."""
        levels = params["levels"].to(input.device).int().flatten()
        noise: Tensor = self._quantiles.to(input.device).index_select(0, levels)
        return noise.view_as(input).add_(input)
