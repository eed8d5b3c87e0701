"""From one box a label to detections."""

from __future__ import annotations

import torch
from torch import Tensor

from hdf.boxes import clip
from hdf.types import Detections

SMALLEST_SIDE = 1e-3


def one_each(boxes: Tensor, spread: Tensor, size: tuple[int, int]) -> list[Detections]:
    """One box for every label, in the labels' order.

    The score is 1 / (1 + s), where s adds, over width and height, the mean spread of the two edges
    as a share of the side: about the IoU of a box whose edges are off by their spread.

    Args:
        boxes: float32 [B, L, 4] in pixels; swapped edges are put in order, and what lies outside
            the image is cut.
        spread: float32 [B, L, 4] in pixels.
        size: (height, width) of the images.
    """
    low = torch.minimum(boxes[..., :2], boxes[..., 2:])
    high = torch.maximum(boxes[..., :2], boxes[..., 2:])
    boxes = clip(torch.cat([low, high], -1), size)
    sides = (high - low).clamp(min=SMALLEST_SIDE)
    share = ((spread[..., :2] + spread[..., 2:]) / sides).sum(-1)
    scores = 1 / (1 + share)
    labels = torch.arange(boxes.shape[1], device=boxes.device)
    return [
        Detections(box, labels, score, width)
        for box, score, width in zip(boxes, scores, spread, strict=True)
    ]
