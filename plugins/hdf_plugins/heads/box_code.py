"""Boxes as four numbers that a network can predict, whatever the size of the image."""

from __future__ import annotations

from math import log

import torch
from torch import Tensor

from hdf.boxes import from_center_size, to_center_size

SMALLEST_SIDE = 1e-3  # of the image; a crop may leave less of a box than a logarithm can take
LARGEST_SIDE = 4.0


def encode(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Boxes to (centre x / W, centre y / H, log(width / W), log(height / H)).

    Args:
        boxes: float [..., 4] in pixels of an image of `size`; a side below a thousandth of the
            image, or a negative one, counts as a thousandth.
        size: (height, width).
    """
    fractions = to_center_size(boxes) / _scale(boxes, size)
    return torch.cat([fractions[..., :2], fractions[..., 2:].clamp(min=SMALLEST_SIDE).log()], -1)


def decode(code: Tensor, size: tuple[int, int]) -> Tensor:
    """The inverse of `encode`: boxes float [..., 4], always ordered, not cut to the image."""
    sides = code[..., 2:].clamp(log(SMALLEST_SIDE), log(LARGEST_SIDE)).exp()
    return from_center_size(torch.cat([code[..., :2], sides], -1) * _scale(code, size))


def _scale(like: Tensor, size: tuple[int, int]) -> Tensor:
    height, width = size
    return like.new_tensor([width, height, width, height])
