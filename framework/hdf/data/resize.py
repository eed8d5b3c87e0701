"""Resizing an image of any size to the network's image, eagerly or in an exported graph."""

from __future__ import annotations

from math import ceil
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from hdf.types import Geometry

Resize = Literal["letterbox", "stretch"]
BLOCK = 16
"""Pixels of the result that are computed from the same stretch of the original at a time."""


def fit(
    original: tuple[int, int], size: tuple[int, int], resize: Resize
) -> tuple[Geometry, tuple[int, int]]:
    """Where an image of `original` size lies in one of `size`, both (height, width) in pixels.

    Returns:
        The geometry, and the (height, width) of the resized image before padding.
    """
    height, width = original
    if resize == "stretch":
        inner = size
    else:
        ratio = min(size[0] / height, size[1] / width)
        inner = (max(1, round(height * ratio)), max(1, round(width * ratio)))
    scale = (inner[1] / width, inner[0] / height)
    offset = (float((size[1] - inner[1]) // 2), float((size[0] - inner[0]) // 2))
    return Geometry(original, scale, offset), inner


def resize_image(image: Tensor, size: tuple[int, int], resize: Resize) -> tuple[Tensor, Geometry]:
    """Resize float32 [1, H, W] in [0, 1] to [1, *size] with antialiasing, padded with black.

    Args:
        resize: ``letterbox`` keeps the aspect ratio, ``stretch`` fills `size`, (height, width).
    """
    height, width = image.shape[-2:]
    geometry, inner = fit((height, width), size, resize)
    scaled = F.interpolate(
        image[None], inner, mode="bilinear", align_corners=False, antialias=True
    )[0]
    left, top = int(geometry.offset[0]), int(geometry.offset[1])
    right, bottom = size[1] - inner[1] - left, size[0] - inner[0] - top
    return F.pad(scaled, (left, right, top, bottom)).clamp(0, 1), geometry


def resize_masks(masks: Tensor, size: tuple[int, int], resize: Resize) -> Tensor:
    """Masks bool [N, H, W] to bool [N, *size], each pixel by the majority of what it covers."""
    if not len(masks):
        return torch.zeros(0, *size, dtype=torch.bool)
    resized = [resize_image(mask[None].float(), size, resize)[0][0] >= 0.5 for mask in masks]
    return torch.stack(resized)


def resize_any(
    image: Tensor, size: tuple[int, int], resize: Resize
) -> tuple[Tensor, Tensor, Tensor]:
    """What `resize_image` does to float32 [1, 1, H, W], as products of matrices.

    All that depends on the image's size is computed as tensors, so that an exported graph takes
    images of any size.

    Returns:
        The image float32 [1, 1, *size] in [0, 1]; and float32 [2], x and y, the network's pixels
        per original pixel, and the offset in the network's pixels.
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
    resized = image.reshape(sides)
    for axis in range(2):
        # index_select copies whole rows; indexing would look up each value.
        stretches = resized.index_select(0, pixels[axis].flatten())
        stretches = stretches.view(*pixels.shape[1:], resized.shape[1])
        resized = (weights[axis] @ stretches).flatten(0, 1)[: size[axis]].mT
    scale = (inner / original).flip(0).float()
    return resized.clamp(0, 1)[None, None], scale, offset.flip(0).float()


def _least(side: int, other: int, size: tuple[int, int]) -> int:
    """A side in the letterbox, rounded down: never more than it is there."""
    least: int = torch.sym_max(1, torch.sym_min(size[0], side * size[1] // other))  # type: ignore[assignment]
    return least


def _weights(
    size: int, taps: int, original: Tensor, inner: Tensor, offset: Tensor
) -> tuple[Tensor, Tensor]:
    """The weights of the original's pixels in each pixel of the result, along y and along x.

    A triangle around its centre in the original, as wide as two pixels of the coarser grid, cut at
    the image's sides and normalised to sum 1; zero in the padding around the copy.

    Returns:
        The weights float32 [2, blocks, BLOCK, taps], where `taps` is at least as many pixels as a
        block reaches, and the numbers of their pixels in the original, int64 [2, blocks, taps].
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
