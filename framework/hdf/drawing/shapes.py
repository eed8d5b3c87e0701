"""Boxes and bars on pictures, where they are to a fraction of a pixel."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import ImageColor
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

Picture = NDArray[np.uint8]
Alpha = NDArray[np.float32]

LINE = 2.0
"""Width of a box's line in pixels of the picture: half of it outside, half inside the box."""

HALO = 4.0
HALO_ALPHA = 0.5
SAMPLED = 4
"""Every fourth row and column tells black and white as well as all of them do."""


def as_grey(image: Tensor, smallest: int, largest: int) -> tuple[Picture, float]:
    """A radiograph for people, black and white at its 0.5th and 99.5th percentile.

    Args:
        image: float32 [1, H, W] in [0, 1].
        smallest: the longer side of the picture is at least so many pixels.
        largest: and at most so many.

    Returns:
        uint8 [H, W], and how many of its pixels an original one is wide.
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


def blend(picture: Picture, alpha: Alpha, colour: str) -> None:
    """Lay a colour, ``#RRGGBB``, on a picture [H, W, 3], as much of it as alpha [H, W] says."""
    rows, columns = np.nonzero(alpha)
    share = alpha[rows, columns, None]
    mixed = picture[rows, columns] * (1 - share) + np.array(ImageColor.getrgb(colour)) * share
    picture[rows, columns] = mixed.round().astype(np.uint8)


def frame(box: Sequence[float], width: float, shape: tuple[int, ...]) -> Alpha:
    """The part of each pixel [H, W] that a line of this width around a box covers."""
    x0, y0, x1, y1 = box
    half = width / 2
    outer = rectangle((x0 - half, y0 - half, x1 + half, y1 + half), shape)
    return outer - rectangle((x0 + half, y0 + half, x1 - half, y1 - half), shape)


def rectangle(box: Sequence[float], shape: tuple[int, ...]) -> Alpha:
    """The part of each pixel [H, W] that a box covers."""
    x0, y0, x1, y1 = box
    return np.outer(_covered(y0, y1, shape[0]), _covered(x0, x1, shape[1]))


def _covered(start: float, end: float, count: int) -> Alpha:
    """The part of each of `count` pixels in a row that lies between two edges."""
    left = np.arange(count, dtype=np.float32)
    covered = np.minimum(left + 1, end) - np.maximum(left, start)
    return covered.clip(0, 1).astype(np.float32)
