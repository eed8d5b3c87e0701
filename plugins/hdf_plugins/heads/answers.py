"""From boxes and spreads, one per label, as tensors to detections."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from hdf.boxes import clip
from hdf.types import Detections

SMALLEST_SIDE = 1e-3

Answers = tuple[Tensor, Tensor, Tensor | None]
"""Boxes float32 [B, L, 4], scores [B, L], spread [B, L, 4] or None; NaN for labels not found."""


def one_each(boxes: Tensor, spread: Tensor, size: tuple[int, int]) -> Answers:
    """One box for every label, in the labels' order.

    The score is 1 / (1 + s); s is the sum, over width and height, of the spreads of both edges
    divided by the side. That is about the IoU of a box whose edges are off by their spreads.

    Args:
        boxes: float32 [B, L, 4] in pixels; their edges are put in order and clipped to the image of
            `size`, (height, width). NaN stays NaN.
        spread: likewise.
    """
    low = torch.minimum(boxes[..., :2], boxes[..., 2:])
    high = torch.maximum(boxes[..., :2], boxes[..., 2:])
    sides = (high - low).clamp(min=SMALLEST_SIDE)
    share = ((spread[..., :2] + spread[..., 2:]) / sides).sum(-1)
    return clip(torch.cat([low, high], -1), size), 1 / (1 + share), spread


class OneBoxPerLabel(nn.Module):
    """A head that answers with at most one box per label."""

    def answers(self, raw: Any, size: tuple[int, int]) -> Answers:
        raise NotImplementedError

    def decode(self, raw: Any, size: tuple[int, int]) -> list[Detections]:
        """The boxes of `answers`, in the order of the labels, one `Detections` per image."""
        boxes, scores, spread = self.answers(raw, size)
        spreads = [None] * len(boxes) if spread is None else list(spread)
        return [Detections.one_a_label(*item) for item in zip(boxes, scores, spreads, strict=True)]
