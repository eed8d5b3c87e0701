"""Boxes from masks, with subpixel accuracy: the bounds of each map's largest component.

The largest component is found by SciPy, and by tensors alone in graphs that are exported.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

STEEPEST = 1 / math.sqrt(2 * math.pi)
"""The slope of the cumulative standard normal distribution at its middle."""
FAR = 1e9
"""More than any squared distance on a map; those below 2 ** 24 are exact in float32."""


def read_outlines(probability: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """The bounds of the largest component of each map, and their spread: float32 [B, L, 4].

    The maxima of all columns and of all rows are two profiles. Linear interpolation says where they
    cross one half, and how steeply. Both are NaN where nothing exceeds one half.

    Args:
        probability: float32 [B, L, h, w] in [0, 1].
        size: (height, width) of the images in pixels.
    """
    kept = F.pad(keep_largest(probability), (1, 1, 1, 1))
    columns, rows = kept.amax(-2), kept.amax(-1)
    x, y = size[1] / probability.shape[-1], size[0] / probability.shape[-2]
    (x0, x1), (near, far) = _rise(torch.stack([columns, columns.flip(-1)]))
    (y0, y1), (top, bottom) = _rise(torch.stack([rows, rows.flip(-1)]))
    boxes = torch.stack([x0 * x, y0 * y, size[1] - x1 * x, size[0] - y1 * y], -1)
    return boxes, torch.stack([near * x, top * y, far * x, bottom * y], -1)


def _rise(profile: Tensor) -> tuple[Tensor, Tensor]:
    """Where a padded profile [..., n + 2] first crosses one half, and the spread there.

    Both are float32 [...] in map pixels, NaN where there is no crossing: the distance from the edge
    of the map, and the standard deviation of the normal distribution that rises as steeply. Values
    lie at the centres of their pixels, so the padding is half a pixel outside the map.
    """
    above = profile > 0.5
    index = above.int().argmax(-1, keepdim=True).clamp(min=1)
    high, low = profile.gather(-1, index)[..., 0], profile.gather(-1, index - 1)[..., 0]
    step = (high - low).clamp(min=1e-3)
    place = (index[..., 0] - 1.5 + (0.5 - low) / step).clamp(min=0)
    found = above.any(-1)
    return torch.where(found, place, torch.nan), torch.where(found, STEEPEST / step, torch.nan)


def keep_largest(probability: Tensor) -> Tensor:
    """Maps that are zero at every pixel nearer to another component than to the largest.

    Components are made of pixels above one half that share a side. Of components of equal size the
    first one by rows, then columns, is kept. A map without any such pixel becomes zero.

    Args:
        probability: float32 [B, L, h, w] in [0, 1]; h and w below 2048.
    """
    if not torch.compiler.is_exporting():
        return by_scipy(probability)  # several times as fast
    found: Tensor = torch.cond(
        is_plain(probability > 0.5).all(), torch.clone, by_tensors, (probability,)
    )
    return found


def by_scipy(probability: Tensor) -> Tensor:
    """`keep_largest` for maps float32 [B, L, h, w], one after the other."""
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


def is_plain(solid: Tensor) -> Tensor:
    """Whether each map bool [..., h, w] is empty, or obviously a single component: bool [...].

    That is where each row, or each column, has at most one run, which touches the previous one.
    """
    return _plain_by_rows(solid.float()) | _plain_by_rows(solid.mT.float())


def _plain_by_rows(solid: Tensor) -> Tensor:
    begun = (solid - F.pad(solid, (1, 0))[..., :-1]).relu().sum(-1)
    touches = (solid[..., 1:, :] * solid[..., :-1, :]).amax(-1)
    return (begun.amax(-1) <= 1) & (begun.sum(-1) - touches.sum(-1) <= 1)


def by_tensors(probability: Tensor) -> Tensor:
    """`keep_largest` for maps float32 [..., h, w], all at once."""
    height, width = probability.shape[-2:]
    solid = probability.reshape(-1, height, width) > 0.5
    largest = _largest(solid)
    nearer = _squared_distance(solid & ~largest) <= _squared_distance(largest)
    return probability * (~nearer).to(probability).view_as(probability)


def _largest(solid: Tensor) -> Tensor:
    """The largest component of each map, bool [N, h, w]."""
    count = solid.shape[1] * solid.shape[2]
    numbers = _numbered(solid)
    sizes = torch.zeros(numbers.shape, device=solid.device)
    sizes = sizes.scatter_add(1, numbers, torch.ones_like(sizes))
    chosen = sizes[:, :count].argmax(1, keepdim=True)
    return (numbers[:, :count] == chosen).view_as(solid)


def _numbered(solid: Tensor) -> Tensor:
    """For each pixel the index of the first pixel of its component, int64 [N, h * w + 1].

    It is h * w outside all components, and in the additional last element. In each sweep a pixel
    takes the smallest number in its run within a row, then within a column, passes it on to the
    pixel of its old number, and takes over the number of the pixel of its new one. This is FastSV
    (Y. Zhang, A. Azad and Z. Hu, SIAM PP 2020) with runs as edges.
    """
    count = solid.shape[1] * solid.shape[2]
    inside = F.pad(solid.flatten(1), (0, 1))
    numbers = torch.arange(count + 1, device=solid.device).where(inside, count)
    rows = _runs(solid)
    columns = _runs(solid.mT).view_as(solid.mT).mT.flatten(1)
    rows, columns = (F.pad(runs, (0, 1)).where(inside, 0) for runs in (rows, columns))
    # The reach of numbers doubles: random maps and spirals need one sweep less than this.
    for _ in range(max(solid.shape[1:]).bit_length() + 1):
        old = numbers
        for runs in (rows, columns):
            smallest = torch.full_like(numbers, count).scatter_reduce(1, runs, numbers, "amin")
            numbers = smallest.gather(1, runs)
        numbers = numbers.scatter_reduce(1, old, numbers, "amin")
        numbers = numbers.gather(1, numbers)
    return numbers


def _runs(solid: Tensor) -> Tensor:
    """For each pixel, how many runs within rows have begun up to it, int64 [N, h * w]."""
    before = F.pad(solid, (1, 0))[..., :-1]
    return (solid & ~before).flatten(1).long().cumsum(1)


def _squared_distance(mask: Tensor) -> Tensor:
    """From each pixel to the nearest pixel of the mask, float32 [N, h, w]; `FAR` for empty masks.

    First along rows, then along columns (P. Felzenszwalb and D. Huttenlocher, Distance Transforms
    of Sampled Functions, Theory of Computing 8, 2012, section 3).
    """
    along = torch.where(mask, 0.0, FAR)
    for _ in range(2):
        step = torch.arange(along.shape[-1], device=mask.device, dtype=torch.float32)
        apart = (step[:, None] - step).square()
        along = (along[..., None, :] + apart).amin(-1).mT
    return along
