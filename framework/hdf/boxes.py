"""Box algebra on pixel edges; boxes are float [..., 4] as (x0, y0, x1, y1)."""

from __future__ import annotations

import torch
from torch import Tensor


def area(boxes: Tensor) -> Tensor:
    """Area [...] in square pixels; zero for a box whose edges are swapped."""
    return (boxes[..., 2:] - boxes[..., :2]).clamp(min=0).prod(-1)


def iou(first: Tensor, second: Tensor) -> Tensor:
    """Intersection over union [...] in [0, 1] of boxes paired one to one (broadcasting)."""
    low = torch.maximum(first[..., :2], second[..., :2])
    high = torch.minimum(first[..., 2:], second[..., 2:])
    overlap = (high - low).clamp(min=0).prod(-1)
    union = area(first) + area(second) - overlap
    return overlap / union.clamp(min=torch.finfo(union.dtype).tiny)


def clip(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Boxes [..., 4] cut to an image of `size` (height, width)."""
    height, width = size
    limit = boxes.new_tensor([width, height, width, height])
    return boxes.clamp(min=0).minimum(limit)


def to_center_size(boxes: Tensor) -> Tensor:
    """(x0, y0, x1, y1) to (centre x, centre y, width, height)."""
    return torch.cat([(boxes[..., :2] + boxes[..., 2:]) / 2, boxes[..., 2:] - boxes[..., :2]], -1)


def from_center_size(boxes: Tensor) -> Tensor:
    """(centre x, centre y, width, height) to (x0, y0, x1, y1)."""
    half = boxes[..., 2:] / 2
    return torch.cat([boxes[..., :2] - half, boxes[..., :2] + half], -1)


def mask_bounds(masks: Tensor) -> Tensor:
    """The bounds of masks bool [..., H, W]: float32 [..., 4], zeros where a mask is empty."""
    x0, x1 = _extent(masks.any(-2))
    y0, y1 = _extent(masks.any(-1))
    return torch.stack([x0, y0, x1, y1], -1).float()


def largest_component(mask: Tensor) -> Tensor:
    """The largest part of a mask whose pixels share sides; of equal ones the first from the top.

    Args:
        mask: bool [H, W], on the CPU.

    Returns:
        bool [H, W]; empty where `mask` is.
    """
    from scipy.ndimage import label  # not above: boxes alone need no SciPy

    numbers, count = label(mask.numpy())
    if count < 2:
        return mask
    parts = torch.from_numpy(numbers)
    return parts == parts.flatten().bincount()[1:].argmax() + 1


def _extent(occupied: Tensor) -> tuple[Tensor, Tensor]:
    count = occupied.shape[-1]
    any_set = occupied.any(-1)
    first = occupied.int().argmax(-1)
    last = count - occupied.flip(-1).int().argmax(-1)
    return torch.where(any_set, first, 0), torch.where(any_set, last, 0)
