"""Boxes and bars on pictures, with subpixel positions."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import ImageColor
from PIL.Image import Image
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

Picture = NDArray[np.uint8]
Alpha = NDArray[np.float32]

LINE = 2.0
"""Line width of a box in pixels of the picture: half outside, half inside the box."""

HALO = 4.0
HALO_ALPHA = 0.5
QUALITY = 84
SAMPLED = 4
"""Black and white are measured on every fourth row and column, which is accurate enough."""


def as_grey(image: Tensor, smallest: int, largest: int) -> tuple[Picture, float]:
    """A radiograph for display, with black and white at its 0.5th and 99.5th percentiles.

    Args:
        image: float32 [1, H, W] in [0, 1].
        smallest: the least length of the picture's longer side, pixels.
        largest: its greatest length.

    Returns:
        uint8 [H, W], and the number of its pixels per original pixel along each axis.
    """
    height, width = image.shape[-2:]
    side = max(height, width)
    scale = min(max(1.0, smallest / side), largest / side)
    size = (max(1, round(height * scale)), max(1, round(width * scale)))
    shown = adaptive_avg_pool2d(image, size)[0]
    sample = shown[::SAMPLED, ::SAMPLED].flatten()
    black, white = sample.quantile(torch.tensor([0.005, 0.995])).tolist()
    grey = ((shown - black) / max(white - black, 1e-6)).clamp(0, 1).mul(255).byte().numpy()
    return grey, scale


def as_jpeg(picture: Image) -> bytes:
    """A picture as a small JPEG."""
    buffer = BytesIO()
    picture.save(buffer, "JPEG", quality=QUALITY, optimize=True)
    return buffer.getvalue()


def blend(picture: Picture, alpha: Alpha, colour: str) -> None:
    """Blend a colour, ``#RRGGBB``, into a picture [H, W, 3] with opacity alpha [H, W], in place."""
    rows, columns = np.nonzero(alpha)
    share = alpha[rows, columns, None]
    mixed = picture[rows, columns] * (1 - share) + np.array(ImageColor.getrgb(colour)) * share
    picture[rows, columns] = mixed.round().astype(np.uint8)


def frame(box: Sequence[float], width: float, shape: tuple[int, ...]) -> Alpha:
    """The share of each pixel [H, W] that the outline of a box covers."""
    x0, y0, x1, y1 = box
    half = width / 2
    outer = rectangle((x0 - half, y0 - half, x1 + half, y1 + half), shape)
    return outer - rectangle((x0 + half, y0 + half, x1 - half, y1 - half), shape)


def rectangle(box: Sequence[float], shape: tuple[int, ...]) -> Alpha:
    """The share of each pixel [H, W] that a box covers."""
    x0, y0, x1, y1 = box
    return np.outer(covered(y0, y1, shape[0]), covered(x0, x1, shape[1]))


def covered(start: float, end: float, count: int) -> Alpha:
    """The share of each of `count` pixels in a row between two edges."""
    left = np.arange(count, dtype=np.float32)
    shares = np.minimum(left + 1, end) - np.maximum(left, start)
    return shares.clip(0, 1).astype(np.float32)
