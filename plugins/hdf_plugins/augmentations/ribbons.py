"""Ribbons: curves with a width that may change along them, drawn by the area that they cover."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Ribbons(NamedTuple):
    """K ribbons an image.

    Attributes:
        middle: float32 [B, K, N, 2], points (x, y) along them, pixels.
        half: float32 [B, K, N], half their width, pixels.
        present: float32 [B, K], 0 for one that is not drawn.
        strips: how many points lie across; about a pixel from each other at most.
    """

    middle: Tensor
    half: Tensor
    present: Tensor
    strips: int


def covered(groups: list[Ribbons], size: tuple[int, int]) -> Tensor:
    """How much of each pixel the ribbons cover.

    Args:
        size: (height, width).

    Returns:
        float32 [B, H, W] in [0, 1].
    """
    height, width = size
    patches = [_patches(group) for group in groups]
    x, y, area = (torch.cat(part, 1) for part in zip(*patches, strict=True))
    canvas = area.new_zeros(len(area), (height + 3) * (width + 3))
    _splat(canvas, x, y, area, size)
    return canvas.view(-1, height + 3, width + 3)[:, 1:-2, 1:-2].clamp(max=1)


def _patches(ribbons: Ribbons) -> tuple[Tensor, Tensor, Tensor]:
    """Middles x and y of small patches, and their areas: [B, P] each, pixels."""
    middle, half, present, strips = ribbons
    ahead = torch.cat([middle[:, :, 1:2] - middle[:, :, :1], middle.diff(dim=2)], 2)
    length = ahead.norm(dim=-1).clamp(min=1e-6)
    reach = (half / length)[..., None]
    across = (torch.arange(strips, device=half.device) * 2 + 1.0) / strips - 1
    x = middle[..., :1] - ahead[..., 1:] * reach * across
    y = middle[..., 1:] + ahead[..., :1] * reach * across
    area = (length * half * (2 / strips) * present[..., None])[..., None].expand_as(x)
    return x.flatten(1), y.flatten(1), area.flatten(1)


def _splat(canvas: Tensor, x: Tensor, y: Tensor, area: Tensor, size: tuple[int, int]) -> None:
    """Share each area among the four pixels around its point; the canvas has a margin."""
    height, width = size
    # What lies outside is pushed onto the margin, which nobody reads.
    x, y = (x + 0.5).clamp(0, width + 1), (y + 0.5).clamp(0, height + 1)
    column, row = x.long(), y.long()
    right, down = x - column, y - row
    start = row * (width + 3) + column
    below = area * down
    for first, part in ((0, area - below), (width + 3, below)):
        beside = part * right
        canvas.scatter_add_(1, start + first, part - beside)
        canvas.scatter_add_(1, start + first + 1, beside)
