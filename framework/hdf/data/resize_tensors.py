"""`hdf.data.resize` by tensors alone, for graphs that take images of any size."""

from __future__ import annotations

from math import ceil
from typing import NamedTuple

import torch
from torch import Tensor

from hdf.data.resize import Resize

BLOCK = 16
"""Pixels of the result that are taken from the same stretch of the original at a time."""


class Placed(NamedTuple):
    """An image of any size in the network's.

    Attributes:
        image: float32 [1, 1, *size] in [0, 1].
        scale: float32 [2], x and y, network pixels per original pixel.
        offset: float32 [2], x and y, network pixels.
    """

    image: Tensor
    scale: Tensor
    offset: Tensor


def resize_any(image: Tensor, size: tuple[int, int], resize: Resize) -> Placed:
    """What `hdf.data.resize.resize_image` does, as products of matrices.

    What follows from the image's size is computed as tensors, so that an exported graph does so for
    every image.

    Args:
        image: float32 [1, 1, H, W] in [0, 1].
        size: (height, width) of the result.
        resize: ``letterbox`` or ``stretch``.
    """
    sides = (image.shape[-2], image.shape[-1])
    # In float64, as Python computes: rounding may decide on a pixel more or less.
    original = torch.stack([image.new_full((), side).double() for side in sides])
    network = torch.tensor(size, dtype=torch.float64, device=image.device)
    if resize == "stretch":
        inner, least = network, size
    else:
        inner = (original * (network / original).amin(0)).round().clamp(min=1)
        least = (_least(*sides, size), _least(*sides[::-1], size[::-1]))
    offset = ((network - inner) / 2).floor()
    reach: int = torch.sym_max(*((BLOCK + 1) * a // b for a, b in zip(sides, least, strict=True)))  # type: ignore[assignment]
    weights, pixels = _weights(max(size), reach + 4, original, inner, offset)
    placed = image.reshape(sides)
    for axis in range(2):
        # index_select copies whole rows; indexing would look up each value.
        stretches = placed.index_select(0, pixels[axis].flatten())
        stretches = stretches.view(*pixels.shape[1:], placed.shape[1])
        placed = (weights[axis] @ stretches).flatten(0, 1)[: size[axis]].mT
    scale = (inner / original).flip(0).float()
    return Placed(placed.clamp(0, 1)[None, None], scale, offset.flip(0).float())


def _least(side: int, other: int, size: tuple[int, int]) -> int:
    """A side in the letterbox, rounded down: never more than it is there."""
    least: int = torch.sym_max(1, torch.sym_min(size[0], side * size[1] // other))  # type: ignore[assignment]
    return least


def _weights(
    size: int, taps: int, original: Tensor, inner: Tensor, offset: Tensor
) -> tuple[Tensor, Tensor]:
    """What each pixel of the result is made of, along y and along x.

    A triangle round its place in the original, as wide as two pixels of the coarser grid, cut at
    the image's sides and of sum one; nothing outside of the `inner` pixels behind `offset`.

    Args:
        size: of the result, its longer side.
        taps: at least as many pixels of the original as a block reaches.
        original: (height, width) of the image, float64 [2].
        inner: those of what is shown of it.
        offset: (y, x) of that.

    Returns:
        The weights float32 [2, blocks, BLOCK, taps], and the numbers of the original's pixels that
        they belong to, int64 [2, blocks, taps].
    """
    blocks = ceil(size / BLOCK)
    step, side, shown, before = (
        value.float().view(2, 1, 1, 1) for value in (original / inner, original, inner, offset)
    )
    row = torch.arange(blocks * BLOCK, device=step.device).view(blocks, BLOCK, 1) - before
    middle, width = (row + 0.5) * step, step.clamp(min=1.0)
    first = (middle[:, :, :1] - width).floor()
    pixel = first + torch.arange(taps, device=step.device)
    weights = (1 - (pixel + 0.5 - middle).abs() / width).relu()
    weights = weights * ((pixel >= 0) & (pixel < side)).float()
    inside = ((row >= 0) & (row < shown)).float()
    weights = weights * (inside / weights.sum(-1, keepdim=True).clamp(min=1e-6))
    return weights, pixel[:, :, 0].clamp(min=0).minimum(side[:, 0] - 1).long()
