"""The largest component of a map by tensors alone, for graphs that are exported."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

FAR = 1e9
"""Beyond any squared distance on a map; below 2 ** 24 those are exact in float32."""


def blot_out_others_in_graph(probability: Tensor) -> Tensor:
    """`blot_out_others`, for a graph: most maps are one plain component, and pass untouched."""
    found: Tensor = torch.cond(
        plain(probability > 0.5).all(), torch.clone, blot_out_others, (probability,)
    )
    return found


def plain(solid: Tensor) -> Tensor:
    """Whether each map bool [..., h, w] has but one component that is easily known to be one.

    By rows or by columns each has one run at most, and touches the one before. Empty maps count.

    Returns:
        bool [...].
    """
    return _plain_by_rows(solid.float()) | _plain_by_rows(solid.mT.float())


def _plain_by_rows(solid: Tensor) -> Tensor:
    begun = (solid - F.pad(solid, (1, 0))[..., :-1]).relu().sum(-1)
    joined = (solid[..., 1:, :] * solid[..., :-1, :]).amax(-1)
    return (begun.amax(-1) <= 1) & (begun.sum(-1) - joined.sum(-1) <= 1)


def blot_out_others(probability: Tensor) -> Tensor:
    """Maps in which what lies nearer to another component than to the largest is zero.

    A component is what exceeds one half and touches along the sides of pixels. Of equal ones the
    first counts, by rows and then columns. A map where nothing exceeds one half becomes zero.

    Args:
        probability: float32 [..., h, w] in [0, 1]; h and w below 2048.
    """
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
    """For each pixel the number of its component's first one, int64 [N, h * w + 1].

    Outside it is h * w, and so it is at the last place, which stands for all that is outside.

    Every pixel takes the smallest number in its run of a row, then of a column; tells it to the
    pixel of its old number; and takes the number that the pixel of its own has by then. That is
    FastSV (Y. Zhang, A. Azad and Z. Hu, SIAM PP 2020) with runs for edges.
    """
    count = solid.shape[1] * solid.shape[2]
    inside = F.pad(solid.flatten(1), (0, 1))
    numbers = torch.arange(count + 1, device=solid.device).where(inside, count)
    rows = _runs(solid)
    columns = _runs(solid.mT).view_as(solid.mT).mT.flatten(1)
    rows, columns = (F.pad(runs, (0, 1)).where(inside, 0) for runs in (rows, columns))
    # Numbers double their reach: random maps and spirals need one sweep less than this.
    for _ in range(max(solid.shape[1:]).bit_length() + 1):
        old = numbers
        for runs in (rows, columns):
            smallest = torch.full_like(numbers, count).scatter_reduce(1, runs, numbers, "amin")
            numbers = smallest.gather(1, runs)
        numbers = numbers.scatter_reduce(1, old, numbers, "amin")
        numbers = numbers.gather(1, numbers)
    return numbers


def _runs(solid: Tensor) -> Tensor:
    """For each pixel how many runs of rows have begun, int64 [N, h * w]."""
    before = F.pad(solid, (1, 0))[..., :-1]
    return (solid & ~before).flatten(1).long().cumsum(1)


def _squared_distance(mask: Tensor) -> Tensor:
    """From each pixel to the nearest one of its mask, float32 [N, h, w]; `FAR` from an empty one.

    First along rows, then along columns (P. Felzenszwalb and D. Huttenlocher, Distance Transforms
    of Sampled Functions, Theory of Computing 8, 2012, section 3).
    """
    along = torch.where(mask, 0.0, FAR)
    for _ in range(2):
        step = torch.arange(along.shape[-1], device=mask.device, dtype=torch.float32)
        apart = (step[:, None] - step).square()
        along = (along[..., None, :] + apart).amin(-1).mT
    return along
