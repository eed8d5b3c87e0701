"""The spine: bodies with discs between them, pedicles, spinous and transverse processes."""

from __future__ import annotations

import numpy as np

from hdf_plugins.phantom.beam import Array
from hdf_plugins.phantom.strokes import Tubes, tubes

PITCH = 2.25  # cm from one vertebra to the next
HALF_WIDTH = ([-20, -12, 0, 20], [1.35, 1.5, 1.65, 2.2])  # of a body, at heights y, cm


def make_spine(random: np.random.Generator) -> list[Tubes]:
    """A column that bends a little to the sides."""
    y = np.linspace(-20, 24, 352)
    x = random.normal(0, 0.35) * np.sin(y / 9 + random.uniform(0, 6))
    phase = (y / PITCH + random.random()) % 1  # 0 in the disc, 1/2 in the middle of the body
    middles = y[np.flatnonzero(np.diff((phase > 0.5).astype(int)) == 1)]
    centre = np.stack([np.interp(middles, y, x), middles, np.full_like(middles, -6.5)], -1)
    return [_bodies(x, y, phase), *_arches(centre)]


def _bodies(x: Array, y: Array, phase: Array) -> Tubes:
    """Cancellous bone with dense end plates, narrow at the waist; faint discs."""
    to_disc = np.minimum(phase, 1 - phase)
    body = np.clip(to_disc / 0.06 - 0.9, 0.18, 1)
    plate = np.exp(-(((to_disc - 0.14) / 0.035) ** 2))
    waist = np.interp(y, *HALF_WIDTH) * (1 - 0.09 * np.cos((phase - 0.5) * 2 * np.pi))
    column = np.stack([x, y, np.full_like(y, -4.2)], -1)[None]
    return tubes(column, waist, 0.055 * body + 0.05 * plate)


def _arches(centre: Array) -> list[Tubes]:
    """What stands behind the bodies [V, 3]: rings of pedicles and three processes each."""
    turn, part = np.linspace(0, 2 * np.pi, 13), np.linspace(0, 1, 4)[:, None]
    ring = np.stack([0.2 * np.cos(turn), 0.36 * np.sin(turn), 0 * turn], -1)
    size = np.interp(centre[:, 1], *HALF_WIDTH)[:, None]
    pedicles, transverse = [], []
    for side in (-1, 1):
        root = (centre + size * [side * 0.62, 0, 0] - [0, 0.25, 0])[:, None]
        pedicles.append(root + ring)
        transverse.append(root + part * [side * 1.5, -0.35, -0.8])
    spinous = centre[:, None] + part * [0, 1.0, -0.5] + [0, 0.3, -1.5]
    return [
        tubes(np.concatenate(pedicles), 0.14, 0.4),
        tubes(np.concatenate(transverse), 0.36, 0.22, hollow=0.6),
        tubes(spinous, 0.24, 0.32),
    ]
