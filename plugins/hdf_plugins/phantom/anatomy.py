"""A random patient: the soft tissues of the thorax as ellipsoids, in cm.

Everything is drawn around lungs 28 cm wide and 21 cm high, then stretched along the three axes to
the patient's build. "Right" and "left" are the patient's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hdf_plugins.phantom.beam import Array
from hdf_plugins.phantom.organs import (
    LUNG_TOP,
    draw_heart_box,
    make_bowel,
    make_descending_aorta,
    make_domes,
    make_effusions,
    make_fat_pads,
    make_great_vessels,
    make_heart,
    make_stomach,
)
from hdf_plugins.phantom.solids import Ellipsoids, chain, ellipsoid, union


@dataclass(frozen=True)
class Thorax:
    """The soft tissues, after stretching.

    Attributes:
        scale: factors [3] from the drawing's cm to the patient's.
        body: trunk, neck, shoulders and arms; convex parts whose union is the skin.
        breasts: two solids at the front; of size zero for patients without.
        right_lung: the space it would fill if nothing else reached into it.
        left_lung: likewise.
        heart: chambers.
        vessels: the great vessels and the upper mediastinum.
        paraspinal: spine and muscle that reach into the back of the lungs without a visible edge.
        aorta: the descending aorta.
        domes: right and left half of the diaphragm and everything below them.
        effusions: fluid in the right and left recess; 0 to 2 ellipsoids.
        stomach: the gas under the left dome.
        bowel: gas in the colon.
        habitus: body build, from 0 (thin) to 1 (obese).
    """

    scale: Array
    body: Ellipsoids
    breasts: Ellipsoids
    right_lung: Ellipsoids
    left_lung: Ellipsoids
    heart: Ellipsoids
    vessels: Ellipsoids
    paraspinal: Ellipsoids
    aorta: Ellipsoids
    domes: Ellipsoids
    effusions: Ellipsoids
    stomach: Ellipsoids
    bowel: Ellipsoids
    habitus: float


def make_thorax(random: np.random.Generator) -> Thorax:
    """Draw one patient."""
    habitus = float(random.beta(2.0, 2.5))
    width = random.normal(1.0, 0.06)
    stretch = float(np.clip(random.normal(1.0, 0.125), 0.7, 1.4))
    scale = np.array([width, width * stretch, 0.9 + 0.25 * habitus])
    box = draw_heart_box(random, stretch)
    domes = make_domes(random, box)
    right_lung, left_lung = _lungs(random)
    return Thorax(
        scale=scale,
        body=_body(random, habitus).scaled(scale),
        breasts=_breasts(random, habitus).scaled(scale),
        right_lung=right_lung.scaled(scale),
        left_lung=left_lung.scaled(scale),
        heart=make_heart(random, box).scaled(scale),
        vessels=union(make_great_vessels(random, box), make_fat_pads(random, box)).scaled(scale),
        paraspinal=ellipsoid((0.3, 8, -7.5), (4.2, 14, 5.2)).scaled(scale),
        aorta=make_descending_aorta(random).scaled(scale),
        domes=domes.scaled(scale),
        effusions=make_effusions(random).scaled(scale),
        stomach=make_stomach(random, domes, box).scaled(scale),
        bowel=make_bowel(random, box).scaled(scale),
        habitus=habitus,
    )


def _body(random: np.random.Generator, habitus: float) -> Ellipsoids:
    """The skin: an oblong trunk that widens into the shoulders, and slightly abducted arms."""
    wall = 1.6 + 2.6 * habitus + random.normal(0, 0.3)
    arm, spread = 4.2 + 2 * habitus, random.uniform(6, 18)
    out, top = random.uniform(20.5, 25.0) + 1.2 * habitus, random.normal(-13.0, 0.7)
    neck = ellipsoid((0, -24, -1), (5.4 + 1.5 * habitus, 18, 5.5 + habitus))
    nape = ellipsoid((0, top + 5.5, -2), (9, 10.5, 8.0 + habitus))
    parts = [neck]
    for side in (-1, 1):
        trunk = ellipsoid((side * 5, 14, 0), (9 + wall, 29, 10.4 + 0.4 * wall))
        shoulder = ellipsoid((side * 11.5, top + 5.8, -1), (11.5, 6.2, 8.4 + habitus), side * 10)
        axilla = ellipsoid((side * 13.2, 4, -2), (3.0 + 0.5 * wall, 18, 7.5), side * -4)
        limb = ellipsoid((side * out, 9, -1), (arm, 20.5, arm + 0.5), -side * spread)
        parts += [trunk, chain(nape, shoulder, 4), axilla, limb]
    return union(*parts)


def _breasts(random: np.random.Generator, habitus: float) -> Ellipsoids:
    """Breasts, half inside the chest wall so that their upper edge fades."""
    size = max(0.0, random.normal(0.5 + 0.5 * habitus, 0.3)) * (random.random() < 0.5)
    low, apart = random.normal(6.0, 1.2) + 2.0 * size, random.normal(8.4, 0.6)
    parts = []
    for side in (-1, 1):
        centre = (side * apart, low + random.normal(0, 0.4), 12.0)
        semi_axes = (5.8 + size, 5.4 + 1.2 * size, 0.02 + 3.6 * size)
        parts.append(ellipsoid(centre, semi_axes, -side * 12))
    return union(*parts)


def _lungs(random: np.random.Generator) -> tuple[Ellipsoids, Ellipsoids]:
    """Pear-shaped lungs: narrow at the apex, widest at the base."""
    fullness, narrow = random.normal(0, 0.25), random.normal(0, 0.5)
    top = random.normal(LUNG_TOP, 0.25)
    return _lung(random, -1, top, fullness, narrow), _lung(random, 1, top, fullness, narrow)


def _lung(
    random: np.random.Generator, side: int, top: float, fullness: float, narrow: float
) -> Ellipsoids:
    half = 6.85 + fullness / 2
    base = ellipsoid((side * (7.1 + fullness / 2), 9.5, 0), (half, 14.0, 7.6))
    high = top + random.normal(0, 0.35)
    place = side * (6.1 - narrow + random.normal(0, 0.5))
    lean = random.normal(-16, 2.5)
    apex = ellipsoid((place, high + 7.3, -0.5), (5.1, 7.5, 6.2), side * lean)
    return chain(base, apex, 4)
