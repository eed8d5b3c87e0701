"""Around the heart: great vessels and fat, in the drawing's cm (see `anatomy`)."""

from __future__ import annotations

import numpy as np

from hdf_plugins.phantom.heart import HeartBox
from hdf_plugins.phantom.solids import Ellipsoids, chain, ellipsoid, union


def make_vessels(random: np.random.Generator, heart: HeartBox) -> Ellipsoids:
    """The mediastinum above the heart: narrow at the top, it widens towards the hila.

    One patient in eight has a wide one: an unfolded aorta, fat, or a film taken lying down.
    """
    wide = float(np.exp(random.normal(0.3 if random.random() < 0.12 else 0, 0.12)))
    shift, arch = random.normal(0, 0.5), random.normal(-4.5, 0.8)
    knob = wide * random.normal(1.85, 0.3)
    base = heart.centre[1] - heart.size[1] / 2
    root = ellipsoid((heart.centre[0] - 0.12 * heart.size[0], base + 0.8, 0), (1.9, 2.2, 4.6))
    trunk = chain(ellipsoid((0.4 + shift, arch + 1.5, 0), (1.7, 2.5, 4.4)), root, 3)
    return union(
        ellipsoid((0.3 + shift + knob, arch + 0.3, -1.0), (knob, knob * 1.25, 3.4), -8),
        ellipsoid((0.1 + shift, arch - 3.0, 0.0), (1.35 * wide, 8.0, 4.4), -2),
        ellipsoid((0.8 + shift, arch - 4.5, 0.0), (1.35 * wide, 6.0, 4.0), -4),
        _right_border(random, shift, base, wide),
        _pulmonary_trunk(random, shift, base, wide),
        trunk,
    )


def _right_border(
    random: np.random.Generator, shift: float, base: float, wide: float
) -> Ellipsoids:
    """The superior vena cava, down to the right hilum."""
    cava = ellipsoid((shift - 0.2, base - 1.7, 0), (1.55 * wide, 2.6, 4.0))
    bulge = random.normal(2.1, 0.35)
    return chain(cava, ellipsoid((shift - 1.0, base + 2.6, 0), (bulge * wide, 4.2, 3.6)), 4)


def _pulmonary_trunk(
    random: np.random.Generator, shift: float, base: float, wide: float
) -> Ellipsoids:
    """The left border between the aortic knob and the ventricle: hollow, straight or full."""
    bulge = random.normal(2.4, 0.45)
    centre = (shift + 1.7, base - 0.2 + random.normal(0, 0.5), 0)
    return ellipsoid(centre, (bulge * wide, 2.9, 3.6), -12)


def make_fat_pads(random: np.random.Generator, heart: HeartBox) -> Ellipsoids:
    """Fat in the angles between heart and diaphragm, which hides the lower corners of the heart."""
    bottom = heart.centre[1] + heart.size[1] / 2
    parts = [Ellipsoids(np.zeros((0, 3)), np.zeros((0, 3, 3)))]
    for side in (-1, 1):
        if random.random() < 0.5:
            size = random.uniform(0.5, 2.2)
            x = heart.centre[0] + side * (heart.size[0] / 2 - 0.5)
            centre = (x, bottom - random.uniform(0.5, 2.0), 4.0)
            parts.append(ellipsoid(centre, (size, 1.2 * size, 2 + size), side * -35))
    return union(*parts)


def make_descending_aorta(random: np.random.Generator) -> Ellipsoids:
    radius = random.normal(1.25, 0.12)
    return ellipsoid((1.5 + random.normal(0.2, 0.3), 5, -4.5), (radius, 13, radius), -2)
