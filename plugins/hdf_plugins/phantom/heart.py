"""The heart: chambers as ellipsoids inside a unit box, stretched to the box that was drawn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hdf_plugins.phantom.beam import Array
from hdf_plugins.phantom.solids import Ellipsoids, chain, ellipsoid, union


@dataclass(frozen=True)
class HeartBox:
    """Bounds of the cardiac outline in the patient's coronal plane, cm.

    Attributes:
        centre: (x, y).
        size: (width, height).
    """

    centre: tuple[float, float]
    size: tuple[float, float]


def draw_heart_box(random: np.random.Generator, floor: float, stretch: float) -> HeartBox:
    """A heart for lungs that are 28 cm wide and 21 cm high.

    Its width over the lungs' is the cardiothoracic ratio: normal, truncated where radiographs
    seldom go.

    Args:
        random: the patient's.
        floor: y of the left dome's top, which the heart dips into, cm.
        stretch: the patient's height over width, against the drawing's.
    """
    ratio = np.clip(random.normal(0.527, 0.071), 0.388, 0.685)
    width = 28 * ratio
    height = 28 * (0.398 + 0.15 * (ratio - 0.527) + random.normal(0, 0.046)) / stretch
    middle = np.clip(2.9 + random.normal(0, 0.98), 0.5, 13.2 - width / 2)
    bottom = floor + random.normal(2.3, 0.6)
    return HeartBox((float(middle), float(bottom - height / 2)), (float(width), float(height)))


def make_heart(random: np.random.Generator, box: HeartBox) -> Ellipsoids:
    """Chambers whose outline touches the four sides of the box."""
    shape = _chambers(random)
    low, high = shape.bounds()
    shape = shape.moved(-(low + high) / 2)
    depth = 12.4 * np.sqrt(box.size[0] / 14.7)
    stretch = np.array([*box.size, depth]) / (high - low)
    return shape.scaled(stretch).moved(np.array([*box.centre, 0.9]))


def _chambers(random: np.random.Generator) -> Ellipsoids:
    """The outline as the radiograph shows it, roughly in [-1, 1]; sizes vary by a few percent."""

    def vary(*values: float) -> Array:
        return np.asarray(np.array(values) + random.normal(0, 0.03, len(values)))

    swell = random.normal(0, 0.05)
    right_atrium = ellipsoid(vary(-0.46, 0.28, -0.1), vary(0.52, 0.60, 0.8), 6)
    left_ventricle = ellipsoid(vary(0.40, 0.42, 0.0), vary(0.62, 0.48, 0.8) + swell, 32)
    right_ventricle = ellipsoid(vary(-0.02, 0.50, 0.2), vary(0.70, 0.48, 0.8), 5)
    outflow = ellipsoid(vary(-0.16, -0.52, 0.1), vary(0.36, 0.46, 0.7), 10)
    left_border = chain(outflow, left_ventricle, 5)
    return union(left_border, chain(outflow, right_atrium, 4)[1:], right_ventricle)
