"""Augmentations of the display: curves over the grey values, and smooth shading."""

from __future__ import annotations

from math import comb
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from hdf_plugins.augmentations.base import (
    LEVELS,
    DrawnIntensity,
    Params,
    apply_curve,
    between,
    check_number,
    check_range,
    pixel_centers,
)

DEGREE = 6
"""Of the polynomials of `ToneCurve`."""
SMOOTH = 25
"""Grey levels over which `HistogramMatching` averages a curve: a tenth of the range."""
STEEPEST = 8.0
"""Its largest factor for grey values near black: a black rim is not quite black."""
WAVES = 3
"""Cosines of `LowFrequency` along each axis, with 0, 1/2 and 1 period over the image."""


class ToneCurve(DrawnIntensity):
    """Map the grey values through a random smooth curve that rises from black to white.

    This imitates other vendors' display curves, more freely than `gamma`: dark and bright parts
    gain or lose contrast independently. Black and white stay, and grey values keep their order.
    The curves are Bernstein polynomials with ascending coefficients (Lorentz, Bernstein
    Polynomials, 1986), much like the Bezier curves of Zhou et al., Models Genesis, MICCAI 2019.

    Args:
        strength: how far the curve may leave the diagonal, 0 to 4; at 1.5 middle grey becomes 0.25
            to 0.75; sensible up to 2.
        p: the share of images that is changed, 0 to 1.
    """

    basis: Tensor

    def __init__(self, *, strength: float = 1.5, p: float = 0.5) -> None:
        check_number("strength", strength, 0, 4)
        super().__init__(DEGREE, p)
        self.strength = strength
        x = torch.linspace(0, 1, LEVELS, dtype=torch.float64)
        terms = [comb(DEGREE, k) * x**k * (1 - x) ** (DEGREE - k) for k in range(1, DEGREE + 1)]
        self.register_buffer("basis", torch.stack(terms).float(), persistent=False)

    def change(self, images: Tensor, draws: Tensor) -> Tensor:
        steps = between(draws, -self.strength, self.strength).exp()
        coefficients = steps.cumsum(1) / steps.sum(1, keepdim=True)
        return apply_curve(images, coefficients @ self.basis.to(images))


class HistogramMatching(DrawnIntensity):
    """Move the distribution of grey values towards that of another image of the batch.

    One device's images come to look like another's. Grey values keep their order. Black pixels stay
    black and are ignored in both images, so padding has no effect. A batch of one image stays as it
    is.

    Args:
        amount: the smallest and the largest step towards the other distribution, 0 (none) to 1
            (all the way).
        p: the share of images that is changed, 0 to 1.
    """

    def __init__(self, *, amount: tuple[float, float] = (0.3, 1.0), p: float = 0.3) -> None:
        check_range("amount", amount, 0, 1)
        super().__init__(2, p)
        self.amount = amount

    def apply_transform(self, input: Tensor, params: Params, *_: Any, **__: Any) -> Tensor:
        """Match the chosen images [B, 1, H, W] with any other image of the batch."""
        rows = (params["batch_prob"] > 0.5).nonzero().flatten().to(input.device)
        count = len(input)
        if not len(rows) or count < 2:
            return input
        which, way = params["draws"].to(input)[rows].unbind(1)
        models = (rows + 1 + (which * (count - 1)).long().clamp(max=count - 2)) % count
        counts = _histograms(input)
        curves = _matching_curves(_shares(counts[rows]), _shares(counts[models]))
        curves = _smooth(curves, counts[rows] > 0)
        images = input[rows]
        way = between(way, *self.amount)[:, None, None, None]
        matched = apply_curve(images, curves)
        return input.index_copy(0, rows, images.lerp(matched, way).clamp(0, 1))


def _histograms(images: Tensor) -> Tensor:
    """How many pixels of each image, black ones left out, have each level: [B, LEVELS]."""
    flat = images.flatten(1)
    levels = (flat * (LEVELS - 1)).round().long().clamp_(0, LEVELS - 1)
    counts = torch.zeros(len(flat), LEVELS, device=flat.device)
    return counts.scatter_add_(1, levels, (flat > 0).to(counts))


def _shares(counts: Tensor) -> Tensor:
    """The share of pixels below each level, plus half of the level's own: [B, LEVELS]."""
    counts = counts + 1e-3  # keeps empty images and empty levels in order
    return (counts.cumsum(1) - counts / 2) / counts.sum(1, keepdim=True)


def _matching_curves(shares: Tensor, models: Tensor) -> Tensor:
    """For each level, the grey value below which the model has the same share: [B, LEVELS]."""
    upper = torch.searchsorted(models, shares).clamp(1, LEVELS - 1)
    below, above = models.gather(1, upper - 1), models.gather(1, upper)
    part = ((shares - below) / (above - below).clamp(min=1e-12)).clamp(0, 1)
    return (upper - 1 + part) / (LEVELS - 1)


def _smooth(curves: Tensor, occupied: Tensor) -> Tensor:
    """The mean over `SMOOTH` neighbouring levels that occur in the image: [B, LEVELS].

    Without it noise in the lungs becomes blotches where the other image has a dark background.
    """
    weights = occupied.to(curves) + 1e-6
    both = torch.stack([curves * weights, weights], 1)
    value, weight = F.avg_pool1d(F.pad(both, [SMOOTH // 2] * 2), SMOOTH, stride=1).unbind(1)
    most = torch.linspace(0, STEEPEST, LEVELS, device=curves.device)
    return (value / weight).minimum(most)


class LowFrequency(DrawnIntensity):
    """Multiply the image by a smooth random field: the exponential of a few cosines.

    This imitates the heel effect, misaligned grids, scatter, and display processing that evens out
    lungs and mediastinum.

    Args:
        strength: the logarithm of the largest factor anywhere, 0 to 3: with 0.6 factors lie within
            0.55 to 1.8; sensible up to 1.
        p: the share of images that is changed, 0 to 1.
    """

    shares: Tensor

    def __init__(self, *, strength: float = 0.6, p: float = 0.3) -> None:
        check_number("strength", strength, 0, 3)
        super().__init__(WAVES * WAVES + 1, p)
        self.strength = strength
        number = torch.arange(WAVES)
        waves = (number[:, None] + number).float()
        shares = torch.where(waves > 0, 1 / waves, 0.0)  # long waves may be stronger
        self.register_buffer("shares", shares, persistent=False)

    def change(self, images: Tensor, draws: Tensor) -> Tensor:
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
