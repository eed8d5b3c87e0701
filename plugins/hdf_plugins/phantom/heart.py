"""The heart: chambers as ellipsoids inside a unit box, stretched to the box that was drawn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hdf_plugins.phantom.beam import Array
from hdf_plugins.phantom.solids import Ellipsoids, chain, ellipsoid, union

LUNG_TOP = -10.6  # y of the apices in the drawing, cm


@dataclass(frozen=True)
class HeartBox:
    """Bounds of the cardiac outline in the patient's coronal plane, cm.

    Attributes:
        centre: (x, y).
        size: (width, height).
    """

    centre: tuple[float, float]
    size: tuple[float, float]


def draw_heart_box(random: np.random.Generator, stretch: float) -> HeartBox:
    """A heart for lungs that are 28 cm wide and, before `stretch`, 22 cm high.

    Its width over the lungs' is the cardiothoracic ratio: normal, truncated where radiographs
    seldom go. Its top keeps its place below the lungs' top, and its height grows with the lungs':
    both as linear regressions on expert masks, with their residuals.

    Args:
        random: the patient's.
        stretch: the patient's height over width, against the drawing's.
    """
    ratio = np.clip(random.normal(0.534, 0.078), 0.388, 0.705)
    tall, large = 0.79 * (stretch - 1), ratio - 0.54
    width = 28 * ratio
    height = 28 * (0.41 + 0.275 * tall + 0.274 * large + random.normal(0, 0.038)) / stretch
    below = 28 * (0.312 + 0.459 * tall + 0.034 * large + random.normal(0, 0.045)) / stretch
    shift = 0.103 - 0.05 * tall + 0.116 * large + random.normal(0, 0.037)
    middle = np.clip(28 * shift, 0.3, 13.2 - width / 2)
    centre = (float(middle), float(LUNG_TOP + below + height / 2))
    return HeartBox(centre, (float(width), float(height)))


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
        return np.asarray(np.array(values) + random.normal(0, 0.05, len(values)))

    swell = random.normal(0, 0.07)
    right_atrium = ellipsoid(vary(-0.48, 0.26, -0.1), vary(0.52, 0.65, 0.8), 6)
    left_ventricle = ellipsoid(vary(0.40, 0.42, 0.0), vary(0.62, 0.48, 0.8) + swell, 32)
    right_ventricle = ellipsoid(vary(-0.02, 0.50, 0.2), vary(0.76, 0.50, 0.8), 5)
    outflow = ellipsoid(vary(-0.31, -0.50, 0.1), vary(0.42, 0.50, 0.7), random.normal(5, 8))
    left_border = chain(outflow, left_ventricle, 5)
    return union(left_border, chain(outflow, right_atrium, 4)[1:], right_ventricle)
