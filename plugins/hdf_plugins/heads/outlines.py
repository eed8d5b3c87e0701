"""Boxes from masks, to a fraction of a pixel."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from hdf_plugins.heads.largest import blot_out_others_in_graph

STEEPEST = 1 / math.sqrt(2 * math.pi)
"""The slope at the middle of a normal distribution's rise, for a deviation of one."""


def read_outlines(probability: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """The bounds of the largest component of each map, where its profile crosses one half.

    The highest value of every column and of every row are two profiles; linear interpolation says
    where they cross, and how steeply.

    Args:
        probability: float32 [B, L, h, w] in [0, 1].
        size: (height, width) of the images in pixels.

    Returns:
        boxes and spread, float32 [B, L, 4] in pixels; NaN where nothing exceeds one half.
    """
    # A graph holds tensors alone; elsewhere SciPy is several times as quick.
    exporting = torch.compiler.is_exporting()
    cleaned = blot_out_others_in_graph(probability) if exporting else _largest(probability)
    kept = F.pad(cleaned, (1, 1, 1, 1))
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

    A value stands for the middle of its pixel, so that the padding is half a pixel outside the
    map, and a mask that fills its first pixel begins at the map's edge.

    Returns:
        The place as a distance from the map's edge, and the deviation of the normal distribution
        that rises as steeply; both float32 [...] in map pixels, NaN where there is no crossing.
    """
    above = profile > 0.5
    index = above.int().argmax(-1, keepdim=True).clamp(min=1)
    high, low = profile.gather(-1, index)[..., 0], profile.gather(-1, index - 1)[..., 0]
    step = (high - low).clamp(min=1e-3)
    place = (index[..., 0] - 1.5 + (0.5 - low) / step).clamp(min=0)
    found = above.any(-1)
    return torch.where(found, place, torch.nan), torch.where(found, STEEPEST / step, torch.nan)


def _largest(probability: Tensor) -> Tensor:
    """Maps in which all components above one half but the largest are blotted out."""
    from scipy.ndimage import distance_transform_edt, label

    cleaned = probability.clone()
    solid = (probability > 0.5).cpu().numpy()
    for image, organ in np.ndindex(*solid.shape[:2]):
        numbers, count = label(solid[image, organ])
        if count < 2:
            continue
        areas = np.bincount(numbers.ravel())
        areas[0] = 0
        largest = numbers == areas.argmax()
        others = solid[image, organ] & ~largest
        nearer = distance_transform_edt(~others) <= distance_transform_edt(~largest)
        cleaned[image, organ].masked_fill_(torch.from_numpy(nearer).to(cleaned.device), 0.0)
    return cleaned
