"""Percentile bootstrap intervals over images (Efron and Tibshirani 1993, chapter 13)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

RESAMPLES = 2000
CELLS = 4_000_000
"""Values that are held at a time."""

Floats = npt.NDArray[np.float64]


def mean_interval(values: Tensor, image: Tensor) -> list[float]:
    """The 95 % interval of the mean of `values`.

    The boxes of one image are resampled together.

    Args:
        values: [M], one a true box; M >= 1.
        image: int64 [M], the image of each.
    """
    means = [np.nanmean(part, axis=1) for part in _resampled(values, image)]
    return _interval(np.concatenate(means))


def variation_interval(differences: Tensor, levels: Tensor, image: Tensor) -> list[float]:
    """The 95 % interval of the deviation of `differences` as a share of the mean of `levels`.

    Args:
        differences: [M], M >= 2.
        levels: [M], whose means are above 0.
        image: int64 [M], the image of each; all different.
    """
    pairs = zip(_resampled(differences, image), _resampled(levels, image), strict=True)
    found = [part.std(axis=1, ddof=1) / level.mean(axis=1) for part, level in pairs]
    return _interval(np.concatenate(found))


def quantile_interval(values: Tensor, image: Tensor, quantile: float) -> list[float]:
    """The 95 % interval of a quantile, 0 to 1; else as `mean_interval`."""
    found = []
    for part in _resampled(values, image):
        part.sort(axis=1)  # NaN goes to the end
        counts = (~np.isnan(part)).sum(axis=1)
        place = quantile * (counts - 1)
        low, high = np.floor(place).astype(int), np.ceil(place).astype(int)
        rows = np.arange(len(part))
        found.append(part[rows, low] + (place - low) * (part[rows, high] - part[rows, low]))
    return _interval(np.concatenate(found))


def _resampled(values: Tensor, image: Tensor) -> Iterator[Floats]:
    """Resamples a row, [R, K], padded with NaN where images have different numbers of values.

    The draws are the same for the same number of images.
    """
    table = _by_image(values, image)
    rng = np.random.default_rng(0)
    together = max(1, CELLS // table.size)
    for start in range(0, RESAMPLES, together):
        count = min(together, RESAMPLES - start)
        draw = rng.integers(len(table), size=(count, len(table)))
        yield table[draw].reshape(count, -1)


def _by_image(values: Tensor, image: Tensor) -> Floats:
    """The values of each image in a row of their own, padded with NaN."""
    _, position, counts = np.unique(image.numpy(), return_inverse=True, return_counts=True)
    order = np.argsort(position, kind="stable")
    column = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
    table = np.full((len(counts), int(counts.max())), np.nan)
    table[position[order], column] = values.to(torch.float64).numpy()[order]
    return table


def _interval(statistics: Floats) -> list[float]:
    low, high = np.percentile(statistics, [2.5, 97.5])
    return [float(low), float(high)]
