"""The bones of the thorax, as tubes along curves in the drawing's cm (see `patient`)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hdf_plugins.phantom.projection import Array, Random
from hdf_plugins.phantom.strokes import Tubes, tubes

# Attenuation coefficients per cm of a beam of about 70 keV (NIST XCOM, rounded).
TISSUE, BONE = 0.19, 0.48


def make_skeleton(random: Random) -> list[Tubes]:
    """The bones of one patient, with a random density."""
    parts = [make_ribs(random), make_sternum(), make_clavicles(random)]
    parts += [*make_spine(random), *make_scapulae(random)]
    share = BONE / TISSUE * np.exp(random.normal(0.18, 0.25))
    return [replace(part, amount=part.amount * share) for part in parts]


NUMBER = np.arange(11)[:, None]  # rib 1 is number 0
PART = np.linspace(0, 1, 40)[None]  # from the spine to where the cartilage begins
# Half width of the cage at heights y, cm: slightly outside the lungs.
HALF_CAGE = (
    [-13.5, -12.0, -10.5, -9.3, -8.1, -6.4, -4.3, -2.2, 0, 4, 8, 12],
    [2.0, 4.8, 6.8, 8.3, 9.6, 11.0, 12.1, 12.7, 13.1, 13.6, 14.0, 14.2],
)


def make_ribs(random: Random) -> Tubes:
    """Eleven pairs of ribs; mostly their cortex is visible."""
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


def _course(random: Random, side: int, start: Array, drop: Array) -> Array:
    """Curves [11, 40, 3] of one side.

    The angle runs from the back (0) past the side (90 degrees) to the front; ribs descend most
    steeply at the side.
    """
    end = np.interp(NUMBER, [0, 1, 6, 8, 10], [140, 142, 138, 124, 108])
    angle = 14 + (end - 14) * PART
    fall = np.interp(angle, [0, 20, 60, 95, 150], [-0.02, -0.03, 0.15, 0.52, 1.0])
    wobble = random.normal(0, 0.12, (11, 1)) + random.normal(0, 0.25, (11, 1)) * PART
    y = start + drop * fall + wobble
    height = np.clip((y + 13.2) / 17.0, 0.0, 1.0)
    depth = 8.6 * (0.35 + 0.65 * np.sqrt(1 - (1 - height) ** 2.1))  # half that of the cage
    reach = np.interp(y, *HALF_CAGE) * np.interp(NUMBER, [0, 1, 2, 3], [0.78, 0.96, 1.0, 1.0])
    turn = np.deg2rad(angle)
    return np.stack([side * reach * np.sin(turn) ** 0.9, y, -depth * np.cos(turn) - 0.4], -1)


PITCH = 2.25  # cm from one vertebra to the next
HALF_WIDTH = ([-20, -12, 0, 20], [1.35, 1.5, 1.65, 2.2])  # of a body, at heights y, cm


def make_spine(random: Random) -> list[Tubes]:
    """Vertebral bodies, discs, pedicles and processes along a slightly scoliotic curve."""
    y = np.linspace(-20, 24, 352)
    x = random.normal(0, 0.35) * np.sin(y / 9 + random.uniform(0, 6))
    phase = (y / PITCH + random.random()) % 1  # 0 in the disc, 1/2 in the middle of the body
    middles = y[np.flatnonzero(np.diff((phase > 0.5).astype(int)) == 1)]
    centre = np.stack([np.interp(middles, y, x), middles, np.full_like(middles, -6.5)], -1)
    return [_bodies(x, y, phase), *_arches(centre)]


def _bodies(x: Array, y: Array, phase: Array) -> Tubes:
    """Vertebral bodies of cancellous bone with dense end plates and a waist; faint discs."""
    to_disc = np.minimum(phase, 1 - phase)
    body = np.clip(to_disc / 0.06 - 0.9, 0.18, 1)
    plate = np.exp(-(((to_disc - 0.14) / 0.035) ** 2))
    waist = np.interp(y, *HALF_WIDTH) * (1 - 0.09 * np.cos((phase - 0.5) * 2 * np.pi))
    column = np.stack([x, y, np.full_like(y, -4.2)], -1)[None]
    return tubes(column, waist, 0.055 * body + 0.05 * plate)


def _arches(centre: Array) -> list[Tubes]:
    """The arches behind the bodies [V, 3]: pedicles, transverse and spinous processes."""
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


EVEN = np.linspace(0, 1, 16)[:, None]
SUPERIOR, INFERIOR = (9.0, -10.2, -7.5), (12.6, 2.4, -8.0)  # angles of the left scapula
GLENOID, ACROMION, ROOT = (15.2, -8.0, -3.0), (16.8, -10.8, -1.5), (9.6, -7.6, -8.0)
HEAD, ARM = (17.3, -8.3, -2.0), 22.0  # of the humerus: its head, its length in cm


def make_clavicles(random: Random) -> Tubes:
    """Two flat S shapes from the sternum upwards and outwards."""
    rise, part = random.normal(2.6, 0.9), np.linspace(0, 1, 24)
    swing = np.sin(part * 2 * np.pi)
    paths = []
    for side in (-1, 1):
        y = -8.4 - (rise + random.normal(0, 0.3)) * part**0.8 - 0.65 * swing
        paths.append(np.stack([side * (1.5 + 13.8 * part), y, 6.0 - 6.0 * part + 1.2 * swing], -1))
    radius = np.interp(part, [0, 0.08, 0.35, 0.8, 1], [0.75, 0.85, 0.62, 0.65, 0.8])
    amount = np.interp(part, [0, 0.12, 0.85, 1], [0.3, 0.85, 0.85, 0.2])
    return tubes(np.stack(paths), radius, amount, hollow=0.72)


def make_scapulae(random: Random) -> list[Tubes]:
    """Blade, medial and lateral border, spine with acromion, rim of the glenoid, humerus."""
    place = np.array([random.normal(0.6, 0.9), random.normal(0, 0.6), 0])
    width = 2.9 * np.linspace(1, 0.15, 16)
    medial, lateral = _line(SUPERIOR, INFERIOR, -0.7), _line(GLENOID, INFERIOR, -0.5)
    fade = np.interp(EVEN[:, 0], [0, 0.2, 0.8, 1], [0.1, 1, 1, 0.1])
    edges = np.concatenate([_pair(lateral + place), _pair(_line(ROOT, ACROMION) + place)])
    turn = EVEN * 2 - 1
    socket = np.array(GLENOID) + turn**2 * [0.5, 0, 0] + turn * [0, 1.5, 0]
    return [
        tubes(_pair((medial + lateral) / 2 + place), width, 0.14 / np.maximum(width, 0.6)),
        tubes(_pair(medial + place), 0.2, 0.6 * fade),
        tubes(edges, 0.48, np.repeat([0.75, 0.45], 2)[:, None] * fade, hollow=0.6),
        tubes(_pair(socket + place), 0.28, 0.5),
        _humeri(random, place),
    ]


def _humeri(random: Random, place: Array) -> Tubes:
    """The upper arms, more or less abducted."""
    part = EVEN**2.5  # close together in the round head
    spread = random.uniform(0.05, 0.3)
    paths = np.array(HEAD) + place + ARM * part * [spread, 1, 0]
    calibre = np.interp(
        ARM * part[:, 0], [0, 0.4, 1, 2, 3.5, 6, 22], [0.5, 1.5, 2.1, 2.2, 1.6, 1.2, 1.1]
    )
    return tubes(_pair(paths), calibre, 0.5, hollow=0.86)


def _line(first: tuple[float, ...], last: tuple[float, ...], bow: float = 0.0) -> Array:
    """A curve [16, 3] that bulges sideways by `bow` cm."""
    straight = (1 - EVEN) * np.array(first) + EVEN * np.array(last)
    return np.asarray(straight + bow * np.sin(EVEN * np.pi) * [1, 0, 0])


def _pair(path: Array) -> Array:
    """A curve of the left side, mirrored and as it is: [2, S, 3]."""
    return np.stack([path * [-1, 1, 1], path])
