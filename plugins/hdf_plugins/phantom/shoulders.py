"""Clavicles, scapulae and upper arms, in the drawing's cm (see `anatomy`)."""

from __future__ import annotations

import numpy as np

from hdf_plugins.phantom.beam import Array
from hdf_plugins.phantom.strokes import Tubes, tubes

EVEN = np.linspace(0, 1, 16)[:, None]
SUPERIOR, INFERIOR = (9.0, -10.2, -7.5), (12.6, 2.4, -8.0)  # angles of the left scapula
GLENOID, ACROMION, ROOT = (15.2, -8.0, -3.0), (16.8, -10.8, -1.5), (9.6, -7.6, -8.0)
HEAD, ARM = (17.3, -8.3, -2.0), 22.0  # of the humerus: its head, its length in cm


def make_clavicles(random: np.random.Generator) -> Tubes:
    """Two flat S from the sternum up and outwards."""
    rise, part = random.normal(2.6, 0.9), np.linspace(0, 1, 24)
    swing = np.sin(part * 2 * np.pi)
    paths = []
    for side in (-1, 1):
        y = -8.4 - (rise + random.normal(0, 0.3)) * part**0.8 - 0.65 * swing
        paths.append(np.stack([side * (1.5 + 13.8 * part), y, 6.0 - 6.0 * part + 1.2 * swing], -1))
    radius = np.interp(part, [0, 0.08, 0.35, 0.8, 1], [0.75, 0.85, 0.62, 0.65, 0.8])
    amount = np.interp(part, [0, 0.12, 0.85, 1], [0.3, 0.85, 0.85, 0.2])
    return tubes(np.stack(paths), radius, amount, hollow=0.72)


def make_scapulae(random: np.random.Generator) -> list[Tubes]:
    """Blade, medial and lateral border, spine with acromion, rim of the socket, humerus."""
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


def _humeri(random: np.random.Generator, place: Array) -> Tubes:
    """Upper arms that hang more or less outwards."""
    part = EVEN**2.5  # close together in the round head
    spread = random.uniform(0.05, 0.3)
    paths = np.array(HEAD) + place + ARM * part * [spread, 1, 0]
    calibre = np.interp(
        ARM * part[:, 0], [0, 0.4, 1, 2, 3.5, 6, 22], [0.5, 1.5, 2.1, 2.2, 1.6, 1.2, 1.1]
    )
    return tubes(_pair(paths), calibre, 0.5, hollow=0.86)


def _line(first: tuple[float, ...], last: tuple[float, ...], bow: float = 0.0) -> Array:
    """A curve [16, 3] that bows sideways by `bow` cm."""
    straight = (1 - EVEN) * np.array(first) + EVEN * np.array(last)
    return np.asarray(straight + bow * np.sin(EVEN * np.pi) * [1, 0, 0])


def _pair(path: Array) -> Array:
    """The right and the left one of a curve of the left side: [2, S, 3]."""
    return np.stack([path * [-1, 1, 1], path])
