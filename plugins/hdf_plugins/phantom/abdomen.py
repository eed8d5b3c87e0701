"""Beneath the lungs: the diaphragm, pleural fluid on it, gas of stomach and colon, in cm."""

from __future__ import annotations

import numpy as np

from hdf_plugins.phantom.beam import Array
from hdf_plugins.phantom.heart import HeartBox
from hdf_plugins.phantom.solids import Ellipsoids, ellipsoid, union


def make_domes(random: np.random.Generator, heart: HeartBox) -> Ellipsoids:
    """The diaphragm under a heart that dips into it; the right half mostly stands higher."""
    bottom = heart.centre[1] + heart.size[1] / 2
    left = bottom - max(random.normal(1.9, 0.9), 0.2)
    right = left + random.normal(-1.1, 0.8)
    high = random.normal(8.4, 1.0)
    middle = min(right, left) + random.normal(0.6, 0.3)
    deep = high + random.normal(1.0, 0.8)
    return union(
        ellipsoid((-7.2, right + deep, 0.8), (7.9, deep, 9.0), random.normal(-2, 3)),
        ellipsoid((7.5, left + high, 0.8), (7.7, high, 9.0), random.normal(2, 3)),
        ellipsoid((0.5, middle + 10, 1.0), (10.0, 10, 9.0)),
    )


def _tops(domes: Ellipsoids) -> Array:
    """The height of each dome, y in cm."""
    return np.asarray(domes.centres[:, 1] - np.linalg.norm(domes.frames[:, 1], axis=-1))


def make_effusions(random: np.random.Generator) -> Ellipsoids:
    """Fluid fills the lateral recess with a level that rises outwards."""
    parts = [Ellipsoids(np.zeros((0, 3)), np.zeros((0, 3, 3)))]
    for side in (-1, 1):
        if random.random() < 0.06:
            depth = random.uniform(1.5, 4.5)
            parts.append(ellipsoid((side * 12.6, 12.5, -1), (5.5, 3 + depth, 8.5), side * -14))
    return union(*parts)


def make_stomach(random: np.random.Generator, domes: Ellipsoids, heart: HeartBox) -> Ellipsoids:
    """Gas under the left dome, at or below the lower border of the heart."""
    size = random.uniform(0.0, 1.0) ** 1.5
    semi_axes = (0.8 + random.uniform(1.5, 3.5) * size, 0.2 + random.uniform(1.2, 2.4) * size)
    bottom = heart.centre[1] + heart.size[1] / 2
    top = max(_tops(domes)[1] + 0.5, bottom + random.normal(0.6, 0.9))
    centre = (random.normal(6.8, 1.5), top + semi_axes[1], 1.0)
    return ellipsoid(centre, (*semi_axes, 0.6 + 2.4 * size), random.normal(3, 10))


def make_bowel(random: np.random.Generator, heart: HeartBox) -> Ellipsoids:
    """Gas in the bends of the colon: clusters of bubbles below the domes."""
    bottom, bubbles = heart.centre[1] + heart.size[1] / 2, []
    for _ in range(random.integers(1, 4)):
        deep = bottom + random.uniform(2.5, 9)
        middle = (random.choice([-1, 1]) * random.uniform(2, 10), deep)
        for _ in range(random.integers(2, 7)):
            centre = (*(middle + random.normal(0, [1.7, 1.1])), 3)
            semi_axes = random.uniform([0.5, 0.4, 0.3], [1.9, 1.2, 1.4])
            bubbles.append(ellipsoid(centre, tuple(semi_axes), random.uniform(-60, 60)))
    return union(*bubbles)
