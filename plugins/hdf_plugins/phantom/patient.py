"""A random patient before the detector: everything that the masks and the image need.

The soft tissues are ellipsoids in cm. They are drawn around lungs 28 cm wide and 21 cm high, then
stretched along the three axes to the patient's build. "Right" and "left" are the patient's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hdf_plugins.phantom import organs
from hdf_plugins.phantom.devices import make_devices
from hdf_plugins.phantom.film import Exposure, draw_exposure
from hdf_plugins.phantom.lungs import Parenchyma, make_airways, make_parenchyma, make_vessels
from hdf_plugins.phantom.projection import (
    Array,
    Beam,
    Ellipsoids,
    Random,
    chain,
    ellipsoid,
    rotation,
    union,
)
from hdf_plugins.phantom.skeleton import make_skeleton
from hdf_plugins.phantom.strokes import Tubes


@dataclass(frozen=True)
class Thorax:
    """The soft tissues, after stretching.

    A lung is the space that it would fill if nothing else reached into it.
    """

    scale: Array  # factors [3] from the drawing's cm to the patient's
    habitus: float  # body build, from 0 (thin) to 1 (obese)
    body: Ellipsoids  # trunk, neck, shoulders and arms; convex parts whose union is the skin
    breasts: Ellipsoids  # two solids at the front; of size zero for patients without
    right_lung: Ellipsoids
    left_lung: Ellipsoids
    heart: Ellipsoids  # chambers
    vessels: Ellipsoids  # the great vessels and the upper mediastinum
    paraspinal: Ellipsoids  # spine and muscle, without a visible edge in the back of the lungs
    aorta: Ellipsoids  # the descending one
    domes: Ellipsoids  # right and left half of the diaphragm and everything below them
    effusions: Ellipsoids  # fluid in the right and left recess, 0 to 2
    stomach: Ellipsoids  # the gas under the left dome
    bowel: Ellipsoids  # gas in the colon


def make_thorax(random: Random) -> Thorax:
    """Draw one patient."""
    habitus = float(random.beta(2.0, 2.5))
    width = random.normal(1.0, 0.06)
    stretch = float(np.clip(random.normal(1.0, 0.125), 0.7, 1.4))
    scale = np.array([width, width * stretch, 0.9 + 0.25 * habitus])
    box = organs.draw_heart_box(random, stretch)
    domes = organs.make_domes(random, box)
    right_lung, left_lung = _lungs(random)
    drawn = {
        "body": _body(random, habitus),
        "breasts": _breasts(random, habitus),
        "right_lung": right_lung,
        "left_lung": left_lung,
        "heart": organs.make_heart(random, box),
        "vessels": union(organs.make_great_vessels(random, box), organs.make_fat_pads(random, box)),
        "paraspinal": ellipsoid((0.3, 8, -7.5), (4.2, 14, 5.2)),
        "aorta": organs.make_descending_aorta(random),
        "domes": domes,
        "effusions": organs.make_effusions(random),
        "stomach": organs.make_stomach(random, domes, box),
        "bowel": organs.make_bowel(random, box),
    }
    return Thorax(scale, habitus, **{name: part.scaled(scale) for name, part in drawn.items()})


def _body(random: Random, habitus: float) -> Ellipsoids:
    """The skin: an oblong trunk that widens into the shoulders, and slightly abducted arms."""
    wall = 1.6 + 2.6 * habitus + random.normal(0, 0.3)
    arm, spread = 4.2 + 2 * habitus, random.uniform(6, 18)
    out, top = random.uniform(20.5, 25.0) + 1.2 * habitus, random.normal(-13.0, 0.7)
    nape = ellipsoid((0, top + 5.5, -2), (9, 10.5, 8.0 + habitus))
    parts = [ellipsoid((0, -24, -1), (5.4 + 1.5 * habitus, 18, 5.5 + habitus))]  # the neck
    for side in (-1, 1):
        trunk = ellipsoid((side * 5, 14, 0), (9 + wall, 29, 10.4 + 0.4 * wall))
        shoulder = ellipsoid((side * 11.5, top + 5.8, -1), (11.5, 6.2, 8.4 + habitus), side * 10)
        axilla = ellipsoid((side * 13.2, 4, -2), (3.0 + 0.5 * wall, 18, 7.5), side * -4)
        limb = ellipsoid((side * out, 9, -1), (arm, 20.5, arm + 0.5), -side * spread)
        parts += [trunk, chain(nape, shoulder, 4), axilla, limb]
    return union(*parts)


def _breasts(random: Random, habitus: float) -> Ellipsoids:
    """Breasts, half inside the chest wall so that their upper edge fades."""
    size = max(0.0, random.normal(0.5 + 0.5 * habitus, 0.3)) * (random.random() < 0.5)
    low, apart = random.normal(6.0, 1.2) + 2.0 * size, random.normal(8.4, 0.6)
    semi_axes = (5.8 + size, 5.4 + 1.2 * size, 0.02 + 3.6 * size)
    return union(
        *(
            ellipsoid((side * apart, low + random.normal(0, 0.4), 12.0), semi_axes, -side * 12)
            for side in (-1, 1)
        )
    )


def _lungs(random: Random) -> tuple[Ellipsoids, Ellipsoids]:
    """Pear-shaped lungs, right and left: narrow at the apex, widest at the base."""
    fullness, narrow = random.normal(0, 0.25), random.normal(0, 0.5)
    top = random.normal(organs.LUNG_TOP, 0.25)
    half = 6.85 + fullness / 2

    def lung(side: int) -> Ellipsoids:
        base = ellipsoid((side * (7.1 + fullness / 2), 9.5, 0), (half, 14.0, 7.6))
        high = top + random.normal(0, 0.35)
        place = side * (6.1 - narrow + random.normal(0, 0.5))
        lean = random.normal(-16, 2.5)
        apex = ellipsoid((place, high + 7.3, -0.5), (5.1, 7.5, 6.2), side * lean)
        return chain(base, apex, 4)

    return lung(-1), lung(1)


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
    """One patient before the detector, and how the image is taken."""

    thorax: Thorax
    beam: Beam
    exposure: Exposure
    vessels: list[Tubes]
    others: list[Tubes]  # bones, airways and devices
    lungs: Parenchyma
    bowel: float  # standard deviation of the thickness of the bowel's content, cm
    noise: int  # seed of the quantum noise, collimation and marker


def make_phantom(seed: int, index: int, size: tuple[int, int]) -> Examination:
    """Phantom number `index` of a series; it depends on nothing else in the series."""
    thorax, beam = place_patient(seed, index, size)
    inside, film = _stream(seed, index, 1), _stream(seed, index, 2)
    scale = thorax.scale
    bones, vessels = make_skeleton(inside), make_vessels(inside)
    others = [*bones, *make_airways(inside), *make_devices(inside)]
    return Examination(
        thorax=thorax,
        beam=beam,
        exposure=draw_exposure(film, thorax.habitus),
        vessels=[part.scaled(scale) for part in vessels],
        others=[part.scaled(scale) for part in others],
        lungs=make_parenchyma(inside, scale),
        bowel=float(inside.uniform(0.2, 1.6)),
        noise=int(film.integers(2**62)),
    )
