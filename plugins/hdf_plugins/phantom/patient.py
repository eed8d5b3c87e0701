"""A phantom: everything about one (seed, index) that its masks and its image need."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hdf_plugins.phantom.anatomy import Thorax, make_thorax
from hdf_plugins.phantom.beam import Beam, Random, rotation
from hdf_plugins.phantom.devices import make_devices
from hdf_plugins.phantom.film import Exposure, draw_exposure
from hdf_plugins.phantom.lungs import Parenchyma, make_airways, make_parenchyma, make_vessels
from hdf_plugins.phantom.skeleton import make_skeleton
from hdf_plugins.phantom.solids import union
from hdf_plugins.phantom.strokes import Tubes


def place_patient(seed: int, index: int, size: tuple[int, int]) -> tuple[Thorax, Beam]:
    """Patient number `index` of a series, and the view on an image of `size` (height, width)."""
    random = _stream(seed, index, 0)
    thorax = make_thorax(random)
    return thorax, _beam(random, thorax, size)


def _stream(seed: int, index: int, use: int) -> Random:
    """Random numbers of one phantom for one use; more draws for one use leave the others alone."""
    return np.random.default_rng(np.random.SeedSequence([seed, index, use]))


def _beam(random: Random, thorax: Thorax, size: tuple[int, int]) -> Beam:
    """How one patient stands before the detector, for an image of `size` (height, width).

    The lungs span 0.81 +- 0.07 of the image's shorter side, less where the heart is large. The
    point two thirds of the way from the heart's middle to the lungs' top lies at 0.28 +- 0.03 of
    the image's height. One view in six is a portable AP film: a nearer source, more rotation.
    """
    portable = random.random() < 1 / 6
    source = random.uniform(100, 130) if portable else -180.0
    unrest = 1.6 if portable else 1.0
    turn = rotation(*(random.normal(0, [2.8, 3.0, 1.3]) * unrest))
    (left, top, _), (right, _, _) = union(thorax.right_lung, thorax.left_lung).bounds()
    heart_low, heart_high = thorax.heart.bounds()
    large = (heart_high[0] - heart_low[0]) / (right - left) - 0.53
    spread = np.clip(random.normal(0.808 - 0.45 * large, 0.06), 0.6, 0.97)
    spacing = float(right - left) / (spread * min(size))
    anchor = 0.65 * top + 0.35 * np.mean([heart_low[1], heart_high[1]])
    height = np.clip(random.normal(0.280, 0.034), 0.18, 0.38)
    centre = (random.normal(0.503, 0.024) * size[1], height * size[0] - anchor / spacing)
    return Beam(turn, source, spacing, (float(centre[0]), float(centre[1])), size)


@dataclass(frozen=True)
class Examination:
    """One patient before the detector, and how the image is taken.

    Attributes:
        bowel: standard deviation of the thickness of the bowel's content, cm.
        noise: seed of the quantum noise, collimation and marker.
    """

    thorax: Thorax
    beam: Beam
    exposure: Exposure
    bones: list[Tubes]
    vessels: list[Tubes]
    airways: list[Tubes]
    devices: list[Tubes]
    lungs: Parenchyma
    bowel: float
    noise: int


def make_phantom(seed: int, index: int, size: tuple[int, int]) -> Examination:
    """Phantom number `index` of a series; it depends on nothing else in the series."""
    thorax, beam = place_patient(seed, index, size)
    inside, film = _stream(seed, index, 1), _stream(seed, index, 2)
    scale = thorax.scale
    return Examination(
        thorax=thorax,
        beam=beam,
        exposure=draw_exposure(film, thorax.habitus),
        bones=[part.scaled(scale) for part in make_skeleton(inside)],
        vessels=[part.scaled(scale) for part in make_vessels(inside)],
        airways=[part.scaled(scale) for part in make_airways(inside)],
        devices=[part.scaled(scale) for part in make_devices(inside)],
        lungs=make_parenchyma(inside, scale),
        bowel=float(inside.uniform(0.2, 1.6)),
        noise=int(film.integers(2**62)),
    )
