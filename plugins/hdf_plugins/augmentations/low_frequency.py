"""Smooth shading over the whole image."""

from __future__ import annotations

import torch
from torch import Tensor

from hdf_plugins.augmentations.drawn import DrawnIntensity, between, pixel_centers
from hdf_plugins.augmentations.ranges import check_number, check_probability

WAVES = 3
"""Cosines along each axis, with 0, 1/2 and 1 period over the image."""


class LowFrequency(DrawnIntensity):
    """Multiply the image by a smooth random field: the exponential of a few cosines.

    This imitates the heel effect, misaligned grids, scatter, and display processing that evens out
    lungs and mediastinum.

    Args:
        strength: the logarithm of the largest factor anywhere, 0 to 3: with 0.6 factors lie within
            0.55 to 1.8; sensible up to 1.
        p: the share of images that is changed, 0 to 1.

    Raises:
        ValueError: an option is out of range.
    """

    shares: Tensor

    def __init__(self, *, strength: float = 0.6, p: float = 0.3) -> None:
        check_number("strength", strength, 0, 3)
        check_probability(p)
        super().__init__(WAVES * WAVES + 1, p)
        self.strength = strength
        number = torch.arange(WAVES)
        waves = (number[:, None] + number).float()
        shares = torch.where(waves > 0, 1 / waves, 0.0)  # long waves may be stronger
        self.register_buffer("shares", shares, persistent=False)

    def change(self, images: Tensor, draws: Tensor) -> Tensor:
        """Images [B, 1, H, W], each multiplied by its field."""
        amounts = between(draws[:, 1:], -1, 1).view(-1, WAVES, WAVES) * self.shares.to(images)
        amounts = amounts / amounts.abs().sum((1, 2), keepdim=True).clamp(min=1e-6)
        reach = self.strength * draws[:, :1, None]
        height, width = images.shape[-2:]
        field = _cosines(height, images) @ (reach * amounts) @ _cosines(width, images).mT
        return images * field.exp_()[:, None]


def _cosines(count: int, like: Tensor) -> Tensor:
    """Float32 [count, WAVES] in [-1, 1]."""
    place = pixel_centers(count, like)[:, None] / count
    return (torch.pi * place * torch.arange(WAVES, device=like.device)).cos()
