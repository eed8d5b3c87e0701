"""Test-time augmentation: slightly different views of the same radiograph."""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor
from torch.nn import functional as F

from hdf.data.resize import Resize, resize_image
from hdf.types import Detections, Geometry

SHIFT = 0.02
"""The largest shift of a view, as a share of the image's sides."""
ZOOM = 0.04
"""The largest padding or crop on every side, as a share of the image's sides."""
GAMMA = 1.2
"""The largest exponent of the grey values; the smallest is its reciprocal."""


@dataclass(frozen=True)
class ViewInput:
    """A view of an image at the size of the network, float32 [1, *size] in [0, 1].

    Attributes:
        geometry: how the view was resized.
        corner: (x, y) of the view's first pixel, in pixels of the original image.
    """

    image: Tensor
    geometry: Geometry
    corner: tuple[int, int]

    def to_original(self, detections: Detections) -> Detections:
        """Detections in network pixels, mapped to pixels of the original image."""
        found = self.geometry.detections_to_original(detections)
        return replace(found, boxes=found.boxes + found.boxes.new_tensor(self.corner * 2))


@dataclass(frozen=True)
class TtaView:
    """A shift, zoom and gamma that are applied before an image is resized for the network.

    Whole pixels are padded with black or cropped, so that the image is sampled once and boxes map
    back exactly. Left and right are never swapped: the heart is not symmetric.

    Attributes:
        shift: (x, y) shares of the image's width and height, to the right and down.
        zoom: the share of its sides that is padded on every side, or cropped if negative.
        gamma: the exponent of the grey values.
    """

    shift: tuple[float, float] = (0.0, 0.0)
    zoom: float = 0.0
    gamma: float = 1.0

    def apply(self, image: Tensor, size: tuple[int, int], resize: Resize) -> ViewInput:
        """The view of an image float32 [1, H, W] in [0, 1], resized to `size` (height, width)."""
        height, width = image.shape[-2:]
        left, right = self._margins(width, self.shift[0])
        top, bottom = self._margins(height, self.shift[1])
        if any((left, right, top, bottom)):
            image = F.pad(image, (left, right, top, bottom))
        shown, geometry = resize_image(image, size, resize)
        shown = shown if self.gamma == 1 else shown.pow(self.gamma)
        return ViewInput(shown, geometry, (-left, -top))

    def _margins(self, side: int, shift: float) -> tuple[int, int]:
        before, behind = round(side * (self.zoom + shift)), round(side * (self.zoom - shift))
        return (before, behind) if side + before + behind > 0 else (0, 0)


def tta_views(count: int) -> list[TtaView]:
    """`count` views, the same every time; the first is the unchanged image.

    The others follow the Halton sequence, which covers the space of shifts, zooms and exponents
    evenly for any count.

    Source: J. H. Halton, On the efficiency of certain quasi-random sequences of points (1960).
    """
    if count < 2:
        return [TtaView()]

    from scipy.stats.qmc import Halton  # not above: a single view need not wait for scipy

    points = (2 * Halton(4, scramble=False).random(count) - 1).tolist()
    views = [TtaView((SHIFT * x, SHIFT * y), ZOOM * z, GAMMA**power) for x, y, z, power in points]
    return [TtaView(), *views[1:]]
