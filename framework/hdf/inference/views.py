"""The same radiograph seen a little differently, to average what a detector says of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from torch import Tensor
from torch.nn import functional as F

from hdf.data.resize import Resize, resize_image
from hdf.types import Detections, Geometry

SHIFT = 0.02
"""The most that a view is shifted, as a share of the image's sides."""
ZOOM = 0.04
"""The most that is padded, or cut, on every side, as a share of the image's sides."""
GAMMA = 1.2
"""The largest power of the grey values; the smallest is its inverse."""
BASES = (2, 3, 5, 7)


@dataclass(frozen=True)
class Seen:
    """A view of an image, ready for the network.

    Attributes:
        image: float32 [1, *size] in [0, 1].
        geometry: how the view was placed there.
        corner: (x, y) of the view's first pixel, in pixels of the original image.
    """

    image: Tensor
    geometry: Geometry
    corner: tuple[int, int]

    def to_original(self, detections: Detections) -> Detections:
        """Detections in network pixels as those in pixels of the original image."""
        found = self.geometry.detections_to_original(detections)
        return replace(found, boxes=found.boxes + found.boxes.new_tensor(self.corner * 2))


@dataclass(frozen=True)
class View:
    """What is done to an image before it is resized for the network.

    Whole pixels are padded with black or cut, so that nothing is sampled twice and a box maps back
    exactly. Left and right are never swapped: the heart is not symmetric.

    Attributes:
        shift: (x, y) shares of the image's width and height, to the right and down.
        zoom: the share of its sides that is padded on every side; cut where it is negative.
        gamma: the power of the grey values.
    """

    shift: tuple[float, float] = (0.0, 0.0)
    zoom: float = 0.0
    gamma: float = 1.0

    def see(self, image: Tensor, size: tuple[int, int], resize: Resize) -> Seen:
        """An image float32 [1, H, W] in [0, 1] as a network of `size` (height, width) gets it."""
        height, width = image.shape[-2:]
        left, right = self._margins(width, self.shift[0])
        top, bottom = self._margins(height, self.shift[1])
        if any((left, right, top, bottom)):
            image = F.pad(image, (left, right, top, bottom))
        shown, geometry = resize_image(image, size, resize)
        return Seen(shown if self.gamma == 1 else shown.pow(self.gamma), geometry, (-left, -top))

    def _margins(self, side: int, shift: float) -> tuple[int, int]:
        before, behind = round(side * (self.zoom + shift)), round(side * (self.zoom - shift))
        return (before, behind) if side + before + behind > 0 else (0, 0)


def views(count: int) -> list[View]:
    """`count` views: the image as it is, then the same others every time.

    These follow Halton's sequence, which fills the space of shifts, zooms and powers evenly however
    many are taken.

    Source: J. H. Halton, On the efficiency of certain quasi-random sequences of points (1960).
    """
    return [View(), *(_view(index) for index in range(1, count))]


def _view(index: int) -> View:
    x, y, zoom, power = (2 * _radical_inverse(index, base) - 1 for base in BASES)
    return View((SHIFT * x, SHIFT * y), ZOOM * zoom, math.pow(GAMMA, power))


def _radical_inverse(index: int, base: int) -> float:
    """The digits of `index` mirrored at the point, in (0, 1)."""
    result, share = 0.0, 1.0 / base
    while index:
        index, digit = divmod(index, base)
        result += digit * share
        share /= base
    return result
