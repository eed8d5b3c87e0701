"""Boxes from masks, with subpixel accuracy."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from hdf_plugins.heads.largest import keep_largest

STEEPEST = 1 / math.sqrt(2 * math.pi)
"""The slope of the cumulative standard normal distribution at its middle."""


def read_outlines(probability: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """The bounds of the largest component of each map.

    The maxima of all columns and of all rows are two profiles. Linear interpolation says where they
    cross one half, and how steeply.

    Args:
        probability: float32 [B, L, h, w] in [0, 1].
        size: (height, width) of the images in pixels.

    Returns:
        boxes and spread, float32 [B, L, 4] in pixels; NaN where nothing exceeds one half.
    """
    kept = F.pad(keep_largest(probability), (1, 1, 1, 1))
    columns, rows = kept.amax(-2), kept.amax(-1)
    scale_x, scale_y = size[1] / probability.shape[-1], size[0] / probability.shape[-2]
    (x0, x1), (near, far) = _rise(torch.stack([columns, columns.flip(-1)]))
    (y0, y1), (top, bottom) = _rise(torch.stack([rows, rows.flip(-1)]))
    boxes = torch.stack(
        [x0 * scale_x, y0 * scale_y, size[1] - x1 * scale_x, size[0] - y1 * scale_y], -1
    )
    return boxes, torch.stack([near * scale_x, top * scale_y, far * scale_x, bottom * scale_y], -1)


def _rise(profile: Tensor) -> tuple[Tensor, Tensor]:
    """Where a padded profile [..., n + 2] first crosses one half, and the spread there.

    Values lie at the centres of their pixels, so the padding is half a pixel outside the map, and a
    mask that fills its first pixel begins at the edge of the map.

    Returns:
        The distance from the edge of the map, and the standard deviation of the normal distribution
        that rises as steeply; both float32 [...] in map pixels, NaN where there is no crossing.
    """
    above = profile > 0.5
    index = above.int().argmax(-1, keepdim=True).clamp(min=1)
    high, low = profile.gather(-1, index)[..., 0], profile.gather(-1, index - 1)[..., 0]
    step = (high - low).clamp(min=1e-3)
    place = (index[..., 0] - 1.5 + (0.5 - low) / step).clamp(min=0)
    found = above.any(-1)
    return torch.where(found, place, torch.nan), torch.where(found, STEEPEST / step, torch.nan)
