"""Learning a mask from nothing but the box that it must bound."""

from __future__ import annotations

import torch
from torch import Tensor


def projection_loss(logits: Tensor, boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """How much the profiles of masks differ from those of boxes, by Dice (Tian et al., BoxInst:
    High-Performance Instance Segmentation with Box Annotations, CVPR 2021, section 3.1).

    The profile of a mask is the highest probability of every column, and of every row; the profile
    of a box is the share of each column, and each row, that it covers.

    Args:
        logits: float32 [..., h, w].
        boxes: float32 [..., 4] in pixels.
        size: (height, width) of the images.

    Returns:
        [...], the sum over both directions, from 0 to 2.
    """
    probability = logits.sigmoid()
    height, width = logits.shape[-2:]
    across = _covered(boxes[..., 0::2] * (width / size[1]), width)
    down = _covered(boxes[..., 1::2] * (height / size[0]), height)
    return _dice(probability.amax(-2), across) + _dice(probability.amax(-1), down)


def _covered(span: Tensor, count: int) -> Tensor:
    """The share [..., count] of each map pixel between two places, span [..., 2]."""
    start = torch.arange(count, device=span.device)
    low = torch.maximum(span[..., :1], start)
    high = torch.minimum(span[..., 1:], start + 1)
    return (high - low).clamp(min=0)


def _dice(first: Tensor, second: Tensor) -> Tensor:
    """1 - the Dice coefficient of [..., n], with squares in the denominator."""
    together = (first * second).sum(-1)
    apart = (first**2).sum(-1) + (second**2).sum(-1)
    return 1 - 2 * together / apart.clamp(min=1e-6)
