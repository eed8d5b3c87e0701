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
    height, width = image.shape[-2:]
    # In float64, as Python computes: rounding may decide on a pixel more or less.
    original = torch.stack([image.new_full((), side).double() for side in (height, width)])
    network = torch.tensor(size, dtype=torch.float64, device=image.device)
    if resize == "stretch":
        inner, least = network, size
    else:
        inner = (original * (network / original).amin(0)).round().clamp(min=1)
        least = (_least(height, width, size), _least(width, height, size[::-1]))
    offset = ((network - inner) / 2).floor()
    placed = image.reshape(height, width)
    for axis, side in enumerate((height, width)):
        taps = (BLOCK + 1) * side // least[axis] + 4
        step, before = (original / inner)[axis].float(), offset[axis].float()
        weights, pixels = _weights(size[axis], taps, step, before, inner[axis].float(), side)
        # index_select copies whole rows; indexing would look up each value.
        stretches = placed.index_select(0, pixels.flatten()).view(*pixels.shape, placed.shape[1])
        placed = (weights @ stretches).flatten(0, 1)[: size[axis]].mT
    scale = (inner / original).flip(0).float()
    return Placed(placed.clamp(0, 1)[None, None], scale, offset.flip(0).float())


def _least(side: int, other: int, size: tuple[int, int]) -> int:
    """A side in the letterbox, rounded down: never more than it is there."""
    least: int = torch.sym_max(1, torch.sym_min(size[0], side * size[1] // other))  # type: ignore[assignment]
    return least


def _weights(
    size: int, taps: int, step: Tensor, before: Tensor, inner: Tensor, side: int
) -> tuple[Tensor, Tensor]:
    """What each pixel of one axis of the result is made of.

    A triangle round its place in the original, as wide as two pixels of the coarser grid, cut at
    the image's sides and of sum one; nothing outside of the `inner` pixels behind `before`.

    Args:
        size: of the result.
        taps: at least as many pixels of the original as a block reaches.
        step: original pixels per network pixel.
        side: of the original.

    Returns:
        The weights float32 [blocks, BLOCK, taps], and the numbers of the original's pixels that
        they belong to, int64 [blocks, taps].
    """
    blocks = ceil(size / BLOCK)
    row = torch.arange(blocks * BLOCK, device=step.device).view(blocks, BLOCK, 1) - before
    middle, width = (row + 0.5) * step, step.clamp(min=1.0)
    first = (middle[:, :1] - width).floor()
    pixel = first + torch.arange(taps, device=step.device)
    weights = (1 - (pixel + 0.5 - middle).abs() / width).relu()
    weights = weights * ((pixel >= 0) & (pixel < side)).float()
    shown = ((row >= 0) & (row < inner)).float()
    weights = weights * (shown / weights.sum(-1, keepdim=True).clamp(min=1e-6))
    return weights, pixel[:, 0].clamp(0, side - 1).long()
