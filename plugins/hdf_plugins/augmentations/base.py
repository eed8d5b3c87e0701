"""What augmentations share: checks of options, random numbers, curves, painting over."""

from __future__ import annotations

from typing import Any

import torch
from kornia.augmentation import IntensityAugmentationBase2D
from kornia.augmentation.random_generator.base import RandomGeneratorBase
from torch import Tensor

Params = dict[str, Tensor]
"""What Kornia draws for a batch, by name."""

LEVELS = 256
"""Points of a curve over the grey values."""


def check_range(
    name: str, bounds: tuple[float, float], lowest: float, highest: float, unit: str = ""
) -> None:
    """Refuse bounds that are out of order or outside ``lowest..highest`` by a ValueError."""
    low, high = bounds
    if not lowest <= low <= high <= highest:
        limits = f"{lowest:g} <= low <= high <= {highest:g}{unit and ' ' + unit}"
        raise ValueError(f"{name} is [{low:g}, {high:g}]: expected [low, high] with {limits}")


def check_number(name: str, value: float, lowest: float, highest: float, unit: str = "") -> None:
    """Refuse a number outside ``lowest..highest`` by a ValueError."""
    if not lowest <= value <= highest:
        limits = f"from {lowest:g} to {highest:g}{unit and ' ' + unit}"
        raise ValueError(f"{name} is {value:g}: expected a number {limits}")


class CpuNumbers(RandomGeneratorBase):
    """Draws from the CPU's generator, so that the numbers are the same on every device."""

    def make_samplers(self, device: torch.device, dtype: torch.dtype) -> None:
        """Nothing to prepare."""


class UniformNumbers(CpuNumbers):
    """Uniform numbers in [0, 1), `count` per image: ``draws``, float32 [B, count]."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count

    def forward(self, batch_shape: tuple[int, ...], same_on_batch: bool = False) -> Params:
        return {"draws": torch.rand(batch_shape[0], self.count)}


class DrawnIntensity(IntensityAugmentationBase2D):
    """An augmentation of grey values that depends on `draws` uniform numbers per image.

    Only the images that `p` chooses are computed.
    """

    def __init__(self, draws: int, p: float) -> None:
        check_number("p", p, 0, 1)
        super().__init__(p=p)
        self._param_generator = UniformNumbers(draws)

    def change(self, images: Tensor, draws: Tensor) -> Tensor:
        """Images float32 [B, 1, H, W] in [0, 1], changed by their numbers [B, count] in [0, 1)."""
        raise NotImplementedError

    def apply_transform(self, input: Tensor, params: Params, *_: Any, **__: Any) -> Tensor:
        """Change the chosen images [B, 1, H, W], and clip them to [0, 1]."""
        rows = (params["batch_prob"] > 0.5).nonzero().flatten()
        if not len(rows):
            return input
        draws = params["draws"][rows].to(input)
        rows = rows.to(input.device)
        return input.index_copy(0, rows, self.change(input[rows], draws).clamp(0, 1))


def between(draws: Tensor, low: float, high: float) -> Tensor:
    """Uniform numbers from [0, 1), mapped to [low, high)."""
    return low + (high - low) * draws


def apply_curve(images: Tensor, curves: Tensor) -> Tensor:
    """Map images float32 [B, 1, H, W] through one curve each, linear between levels and outside.

    Args:
        curves: float32 [B, LEVELS], the new values of the grey values 0 to 1 in equal steps.
    """
    place = images.flatten(1) * (LEVELS - 1)
    lower = place.long().clamp_(0, LEVELS - 2)
    start, rise = curves.gather(1, lower), curves.diff(dim=1).gather(1, lower)
    return torch.addcmul(start, rise, place.sub_(lower)).view_as(images)


def pixel_centers(count: int, like: Tensor) -> Tensor:
    """0.5, 1.5, … float32 [count], on the device of `like`."""
    return torch.arange(count, device=like.device, dtype=like.dtype) + 0.5


def cover(images: Tensor, amount: Tensor, level: Tensor) -> Tensor:
    """Paint over images float32 [B, 1, H, W].

    Args:
        amount: float32 [B, H, W], the opacity: 0 keeps the image, 1 hides it.
        level: float32 [B], the grey value of the paint.
    """
    return images.lerp(level[:, None, None, None], amount[:, None])
