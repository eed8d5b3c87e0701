"""Augmentations of exposure and sharpness: each changes the grey values of all pixels alike."""

from __future__ import annotations

from math import ceil, prod
from typing import Any

import torch
from kornia.augmentation import (
    IntensityAugmentationBase2D,
    RandomBrightness,
    RandomGaussianBlur,
    RandomInvert,
)
from kornia.augmentation.random_generator import PlainUniformGenerator
from torch import Tensor

from hdf_plugins.augmentations.base import CpuNumbers, Params, check_number, check_range


class Gamma(IntensityAugmentationBase2D):
    """Raise the grey values in [0, 1] to a random power, one per image.

    This imitates other exposures and other vendors' display curves; black and white stay the same.
    Kornia's RandomGamma takes twice as many passes over the images, for gains and checks.

    Args:
        gamma: the smallest and the largest exponent, above 0; below 1 brightens, above 1 darkens;
            sensible within 0.5 to 2.
        p: the share of images that is changed, 0 to 1.
    """

    def __init__(self, *, gamma: tuple[float, float] = (0.7, 1.5), p: float = 1.0) -> None:
        check_range("gamma", gamma, 0.01, 100)
        check_number("p", p, 0, 1)
        super().__init__(p=p)
        self._param_generator = PlainUniformGenerator((gamma, "power", None, None))

    def apply_transform(self, input: Tensor, params: Params, *_: Any, **__: Any) -> Tensor:
        """Raise images [B, C, H, W], clipped to [0, 1], to their powers."""
        return input.clamp(0, 1).pow_(params["power"].to(input)[:, None, None, None])


def brightness(*, shift: tuple[float, float] = (-0.1, 0.1), p: float = 1.0) -> RandomBrightness:
    """Add a random constant to the grey values, one per image, and clip to [0, 1].

    Args:
        shift: the smallest and the largest constant, -1 to 1, as a fraction of the grey range;
            sensible within -0.2 to 0.2, since clipped values are lost.
        p: the share of images that is changed, 0 to 1.
    """
    check_range("shift", shift, -1, 1)
    check_number("p", p, 0, 1)
    # Kornia's factor f adds f - 1.
    return RandomBrightness((1 + shift[0], 1 + shift[1]), p=p)


class Contrast(IntensityAugmentationBase2D):
    """Scale each grey value's distance from the image's mean, and clip to [0, 1].

    Kornia's RandomContrast scales the grey values themselves, which changes the brightness.

    Args:
        factor: the smallest and the largest factor, one per image, 0 to 10; below 1 lowers the
            contrast, above 1 raises it; sensible within 0.7 to 1.4.
        p: the share of images that is changed, 0 to 1.
    """

    def __init__(self, *, factor: tuple[float, float] = (0.8, 1.25), p: float = 1.0) -> None:
        check_range("factor", factor, 0, 10)
        check_number("p", p, 0, 1)
        super().__init__(p=p)
        self._param_generator = PlainUniformGenerator((factor, "factor", None, None))

    def apply_transform(self, input: Tensor, params: Params, *_: Any, **__: Any) -> Tensor:
        """Stretch images [B, C, H, W] in [0, 1], and clip them."""
        mean = input.mean((-3, -2, -1), keepdim=True)
        factor = params["factor"].to(input)[:, None, None, None]
        return mean.lerp(input, factor).clamp(0, 1)


def inversion(*, p: float = 0.05) -> RandomInvert:
    """Swap black and white, as in a file whose photometric interpretation was lost.

    hdf shows bone bright where a file states its photometric interpretation; exports to PNG and
    JPEG often don't.

    Args:
        p: the share of images that is inverted, 0 to 1; sensible up to 0.2.
    """
    check_number("p", p, 0, 1)
    return RandomInvert(p=p)


def gaussian_blur(*, sigma: tuple[float, float] = (0.2, 1.5), p: float = 0.5) -> RandomGaussianBlur:
    """Blur by a Gaussian, as breathing and heartbeat do.

    Args:
        sigma: the smallest and the largest standard deviation in network pixels, one per image,
            0.05 to 10; sensible up to 1.5 at 112 px and 3 at 224 px.
        p: the share of images that is blurred, 0 to 1.
    """
    check_range("sigma", sigma, 0.05, 10, "px")
    check_number("p", p, 0, 1)
    kernel_size = 2 * ceil(3 * sigma[1]) + 1
    return RandomGaussianBlur(kernel_size, sigma, p=p)


QUANTILES = 2**16


class EvenLevels(CpuNumbers):
    """A uniform integer below `QUANTILES` for each pixel: ``levels``, uint16 [B, C, H, W]."""

    def forward(self, batch_shape: tuple[int, ...], same_on_batch: bool = False) -> Params:
        count = prod(batch_shape)
        drawn = torch.empty(ceil(count / 4), dtype=torch.int64).random_(-(2**63), None)
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
    """

    def __init__(self, *, std: float = 0.02, p: float = 0.5) -> None:
        check_number("std", std, 0, 1)
        check_number("p", p, 0, 1)
        super().__init__(p=p)
        self._param_generator = EvenLevels()
        middles = (torch.arange(QUANTILES, dtype=torch.float64) + 0.5) / QUANTILES
        self._quantiles = (std * torch.special.ndtri(middles)).float()

    def apply_transform(self, input: Tensor, params: Params, *_: Any, **__: Any) -> Tensor:
        """Add noise to images [B, C, H, W]."""
        levels = params["levels"].to(input.device).int().flatten()
        noise: Tensor = self._quantiles.to(input.device).index_select(0, levels)
        return noise.view_as(input).add_(input)
