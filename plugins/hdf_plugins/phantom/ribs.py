"""The rib cage: ribs 1 to 11 and the sternum, in the drawing's cm (see `anatomy`)."""

from __future__ import annotations

import numpy as np

from hdf_plugins.phantom.beam import Array
from hdf_plugins.phantom.strokes import Tubes, tubes

NUMBER = np.arange(11)[:, None]  # rib 1 is number 0
PART = np.linspace(0, 1, 40)[None]  # from the spine to where the cartilage begins
# Half width of the cage at heights y, cm: the lungs' outline and a little more.
HALF_CAGE = (
    [-13.5, -12.0, -10.5, -9.3, -8.1, -6.4, -4.3, -2.2, 0, 4, 8, 12],
    [2.0, 4.8, 6.8, 8.3, 9.6, 11.0, 12.1, 12.7, 13.1, 13.6, 14.0, 14.2],
)


def make_ribs(random: np.random.Generator) -> Tubes:
    """Eleven pairs of ribs; the cortex is what shows."""
    start = -11.0 + random.normal(0, 0.3) + random.normal(2.12, 0.08) * NUMBER + 0.01 * NUMBER**2
    drop = np.interp(NUMBER, [0, 1, 3, 6, 10], [3.8, 6.5, 9.5, 11.5, 11.0])
    drop = drop + random.normal(0, 0.6)
    paths = np.concatenate([_course(random, side, start, drop) for side in (-1, 1)])
    calibre = np.interp(NUMBER, [0, 3, 10], [0.72, 0.74, 0.64])
    thick = calibre * np.interp(PART, [0, 0.1, 0.5, 0.9, 1], [0.75, 0.95, 0.9, 1.1, 1.0])
    firm = random.uniform(0.45, 0.95) * np.interp(NUMBER, [0, 1, 7, 10], [0.55, 1, 0.95, 0.55])
    amount = firm * np.interp(PART, [0, 0.5, 0.65, 0.85, 1], [1, 1, 0.75, 0.7, 0.2])
    return tubes(
        paths, np.tile(thick, (2, 1)), np.tile(amount, (2, 1)), hollow=random.uniform(0.75, 0.88)
    )


def make_sternum() -> Tubes:
    """Manubrium and body: wide, flat and faint."""
    y = np.linspace(-8.5, 5, 20)
    path = np.stack([0 * y, y, 7.0 + 0.1 * y], -1)[None]
    return tubes(path, np.interp(y, [-8.5, -7, -4, 5], [2.4, 2.2, 1.5, 1.7]), 0.04)


def _course(random: np.random.Generator, side: int, start: Array, drop: Array) -> Array:
    """Curves [11, 40, 3] of one side.

    The angle runs from the back (0) over the side (90 degrees) towards the front; a rib descends
    most steeply at the side.
    """
    end = np.interp(NUMBER, [0, 1, 6, 8, 10], [140, 142, 138, 124, 108])
    angle = 14 + (end - 14) * PART
    fall = np.interp(angle, [0, 20, 60, 95, 150], [-0.02, -0.03, 0.15, 0.52, 1.0])
    wobble = random.normal(0, 0.12, (11, 1)) + random.normal(0, 0.25, (11, 1)) * PART
    y = start + drop * fall + wobble
    reach, depth = _cage(y)
    reach = reach * np.interp(NUMBER, [0, 1, 2, 3], [0.78, 0.96, 1.0, 1.0])
    turn = np.deg2rad(angle)
    return np.stack([side * reach * np.sin(turn) ** 0.9, y, -depth * np.cos(turn) - 0.4], -1)


def _cage(y: Array) -> tuple[Array, Array]:
    """Half width and half depth of the cage at height y, along the lungs' outline."""
    height = np.clip((y + 13.2) / 17.0, 0.0, 1.0)
    rounded = np.sqrt(1 - (1 - height) ** 2.1)
    return np.interp(y, *HALF_CAGE), 8.6 * (0.35 + 0.65 * rounded)
