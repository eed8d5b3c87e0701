"""Devices: electrodes, a pacemaker, lines and tubes, sternal wires.

Curves are in the drawing's cm (see `patient`); amounts are the attenuation relative to soft tissue.
"""

from __future__ import annotations

import numpy as np

from hdf_plugins.phantom.projection import Array, Random
from hdf_plugins.phantom.strokes import Tubes, tubes

FRONT = 10.5  # z of the skin in front of the chest


def make_devices(random: Random) -> list[Tubes]:
    """The devices of one patient; three patients in four have none."""
    if random.random() < 0.75:
        return []
    makers = (_electrodes, _pacemaker, _central_line, _feeding_tube, _sternal_wires)
    chosen = random.random(len(makers)) < (0.5, 0.25, 0.3, 0.25, 0.2)
    present = [maker for maker, use in zip(makers, chosen, strict=True) if use]
    return [part for maker in present for part in maker(random)]


def _curve(knots: Array, count: int = 60) -> Array:
    """A Catmull-Rom spline through `knots` [K, 3]: float64 [1, count, 3]."""
    padded = np.concatenate([2 * knots[:1] - knots[1:2], knots, 2 * knots[-1:] - knots[-2:-1]])
    place = np.linspace(0, len(knots) - 1, count)
    first = np.minimum(place.astype(int), len(knots) - 2)
    t = (place - first)[:, None]
    a, b, c, d = (padded[first + shift] for shift in range(4))
    cubic = (3 * b - a - 3 * c + d) * t**3 + (2 * a - 5 * b + 4 * c - d) * t**2 + (c - a) * t
    return np.asarray((b + cubic / 2)[None])


def _wire(knots: Array, radius: float, amount: float, hollow: float = 0.0) -> Tubes:
    return tubes(_curve(knots), radius, amount, hollow)


def _electrodes(random: Random) -> list[Tubes]:
    """Monitoring electrodes with leads that run off the lower edge."""
    parts = []
    for x, y in ((-10, -7), (10, -7), (11, 7), (-10, 8)):
        spot = np.array([x, y, FRONT]) + random.normal(0, [1.2, 1.2, 0])
        disc = spot + np.linspace(-0.5, 0.5, 3)[:, None] * [1, 0, 0]
        parts.append(_wire(disc, 0.5, 3.0))
        exit_point = np.array([random.normal(0, 9), 26, FRONT])
        middle = (spot + exit_point) / 2 + random.normal(0, [3, 2, 0])
        parts.append(_wire(np.stack([spot, middle, exit_point]), 0.09, 5.0))
    return parts


def _pacemaker(random: Random) -> list[Tubes]:
    """A generator below the left clavicle, one or two leads through the great veins."""
    place = np.array([9.0, -5.5, FRONT - 1]) + random.normal(0, [0.8, 0.8, 0])
    box = place + np.linspace(-1.8, 1.8, 8)[:, None] * [1, 0.25, 0]
    rounded = 2.0 * (1 - np.linspace(-1, 1, 60) ** 4 * 0.98) ** 0.5
    parts = [tubes(_curve(box), rounded, 1.6)]
    vein = [place, [5, -8.5, 5], [0, -6.5, 3], [-2.2, -3, 2], [-2.4, 1.5, 2]]
    ventricle = [[-1.5, 6.0, 3], [2, 8.3, 5], [6, 7.8, 6]]
    parts.append(_wire(np.array([*vein, *ventricle]), 0.11, 6.0))
    if random.random() < 0.5:
        parts.append(_wire(np.array([*vein, [-3.0, 3.0, 3], [-2.2, 1.8, 4.5]]), 0.11, 6.0))
    return parts


def _central_line(random: Random) -> list[Tubes]:
    tip = np.array([-2.0, random.normal(0.0, 1.2), 1])
    knots = np.array([[-6, -19, 3], [-4.5, -13, 3], [-2.6, -8, 2], tip])
    return [_wire(knots, 0.13, 2.5)]


def _feeding_tube(random: Random) -> list[Tubes]:
    tip = np.array([random.normal(5, 1.5), random.normal(13, 1.5), 2])
    knots = np.array([[0, -22, 0], [0.3, -10, -2], [0.8, 0, -2.5], [1.8, 8, -1], tip])
    parts = [_wire(knots, 0.2, 1.6, hollow=0.5)]
    if random.random() < 0.6:
        trachea = np.array([[0, -22, 2], [0, -12, 1.5], [0.1, random.normal(-6.5, 1), 0]])
        parts.append(_wire(trachea, 0.5, 1.2, hollow=0.75))
    return parts


def _sternal_wires(random: Random) -> list[Tubes]:
    turn = np.linspace(0, 2.2 * np.pi, 10)
    loops = []
    for y in np.linspace(-6.5, 4.5, 6):
        ring = np.stack([0.75 * np.cos(turn), 0.45 * np.sin(turn) + y, 7.5 + 0 * turn], -1)
        loops.append(_wire(ring + random.normal(0, [0.15, 0.1, 0]), 0.06, 14.0))
    return loops
