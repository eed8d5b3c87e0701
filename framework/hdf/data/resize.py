"""Placing an image of any size into the network's image."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from hdf.types import Geometry

Resize = Literal["letterbox", "stretch"]


def place(
    original: tuple[int, int], size: tuple[int, int], resize: Resize
) -> tuple[Geometry, tuple[int, int]]:
    """How an image of `original` size goes into one of `size`, both (height, width) in pixels.

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
    """Resize with antialiasing and pad with black.

    Args:
        image: float32 [1, H, W] in [0, 1].
        size: (height, width) of the result.
        resize: ``letterbox`` keeps the aspect ratio, ``stretch`` fills `size`.

    Returns:
        float32 [1, *size] in [0, 1], and the geometry that maps boxes there and back.
    """
    height, width = image.shape[-2:]
    geometry, inner = place((height, width), size, resize)
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
