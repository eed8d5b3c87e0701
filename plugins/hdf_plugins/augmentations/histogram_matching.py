"""Histogram matching with another image of the batch."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from hdf_plugins.augmentations.drawn import LEVELS, DrawnIntensity, apply_curve, between
from hdf_plugins.augmentations.ranges import check_probability, check_range

SMOOTH = 25
"""Grey levels over which a curve is averaged: a tenth of the range."""

STEEPEST = 8.0
"""The largest factor for grey values near black: a black rim is not quite black."""


class HistogramMatching(DrawnIntensity):
    """Move the distribution of grey values towards that of another image of the batch.

    One device's images come to look like another's. Grey values keep their order. Black pixels stay
    black and are ignored in both images, so padding has no effect. A batch of one image stays as it
    is.

    Args:
        amount: the smallest and the largest step towards the other distribution, 0 (none) to 1
            (all the way).
        p: the share of images that is changed, 0 to 1.

    Raises:
        ValueError: an option is out of range.
    """

    def __init__(self, *, amount: tuple[float, float] = (0.3, 1.0), p: float = 0.3) -> None:
        check_range("amount", amount, 0, 1)
        check_probability(p)
        super().__init__(2, p)
        self.amount = amount

    def apply_transform(
        self,
        input: Tensor,
        params: dict[str, Tensor],
        flags: dict[str, Any],
        transform: Tensor | None = None,
    ) -> Tensor:
        """Match the chosen images [B, 1, H, W] with any other image of the batch."""
        rows = (params["batch_prob"] > 0.5).nonzero().flatten().to(input.device)
        count = len(input)
        if not len(rows) or count < 2:
            return input
        which, way = params["draws"].to(input)[rows].unbind(1)
        models = (rows + 1 + (which * (count - 1)).long().clamp(max=count - 2)) % count
        counts = histograms(input)
        curves = matching_curves(shares(counts[rows]), shares(counts[models]))
        curves = smooth(curves, counts[rows] > 0)
        images = input[rows]
        way = between(way, *self.amount)[:, None, None, None]
        matched = apply_curve(images, curves)
        return input.index_copy(0, rows, images.lerp(matched, way).clamp(0, 1))


def histograms(images: Tensor) -> Tensor:
    """How many pixels have each of `LEVELS` grey values, without black ones.

    Args:
        images: float32 [B, 1, H, W] in [0, 1].

    Returns:
        float32 [B, LEVELS].
    """
    flat = images.flatten(1)
    levels = (flat * (LEVELS - 1)).round().long()
    counts = torch.zeros(len(flat), LEVELS, device=flat.device)
    return counts.scatter_add_(1, levels, (flat > 0).to(counts))


def shares(counts: Tensor) -> Tensor:
    """The share of pixels below each level, plus half of the level's own: [B, LEVELS]."""
    counts = counts + 1e-3  # keeps empty images and empty levels in order
    return (counts.cumsum(1) - counts / 2) / counts.sum(1, keepdim=True)


def matching_curves(shares: Tensor, models: Tensor) -> Tensor:
    """For each level, the grey value below which the model has the same share.

    Args:
        shares: float32 [B, LEVELS], of the images.
        models: float32 [B, LEVELS], of the images that they are matched with.

    Returns:
        float32 [B, LEVELS] in [0, 1].
    """
    upper = torch.searchsorted(models, shares).clamp(1, LEVELS - 1)
    below, above = models.gather(1, upper - 1), models.gather(1, upper)
    part = ((shares - below) / (above - below).clamp(min=1e-12)).clamp(0, 1)
    return (upper - 1 + part) / (LEVELS - 1)


def smooth(curves: Tensor, occupied: Tensor) -> Tensor:
    """The mean over `SMOOTH` neighbouring levels that occur in the image.

    A jump between two peaks of the model becomes a slope. Otherwise noise in the lungs would turn
    into blotches where the other image has a dark background. Curves leave black with a slope of at
    most `STEEPEST`.

    Args:
        curves: float32 [B, LEVELS].
        occupied: bool [B, LEVELS].
    """
    weights = occupied.to(curves) + 1e-6
    both = torch.stack([curves * weights, weights], 1)
    value, weight = F.avg_pool1d(F.pad(both, [SMOOTH // 2] * 2), SMOOTH, stride=1).unbind(1)
    most = torch.linspace(0, STEEPEST, LEVELS, device=curves.device)
    return (value / weight).minimum(most)
