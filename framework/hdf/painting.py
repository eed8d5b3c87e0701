"""Boxes and bars on pictures, where they are to a fraction of a pixel."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import ImageColor

Picture = NDArray[np.uint8]
Alpha = NDArray[np.float32]

LINE = 2.0
"""Width of a box's line in pixels of the picture: half of it outside, half inside the box."""

HALO = 4.0
HALO_ALPHA = 0.5


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
