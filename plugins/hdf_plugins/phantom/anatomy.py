"""A random patient: the soft organs of the thorax as ellipsoids, in cm.

Drawn for lungs that are 28 cm wide and 21 cm high, then stretched along the three axes to the
patient's build. "Right" and "left" are the patient's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hdf_plugins.phantom.beam import Array
from hdf_plugins.phantom.heart import HeartBox, draw_heart_box, make_heart
from hdf_plugins.phantom.solids import Ellipsoids, chain, ellipsoid, union


@dataclass(frozen=True)
class Thorax:
    """The soft organs, already stretched.

    Attributes:
        scale: stretch [3] from the drawing's cm to the patient's.
        body: trunk, neck, shoulders and arms; convex parts whose union is the skin.
        breasts: two solids at the front, of no size where there are none.
        right_lung: what it would fill if nothing else reached in; so the left.
        heart: chambers.
        vessels: great vessels and the tissue of the upper mediastinum.
        paraspinal: spine and muscle that bulge into the back of the lungs, without a visible edge.
        aorta: the descending aorta.
        domes: right and left half of the diaphragm with all that lies beneath.
        effusions: fluid in the right and left recess, often none (length 0 to 2).
        stomach: the gas under the left dome.
        bowel: gas in the colon.
        habitus: 0 thin .. 1 obese.
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
    scale = np.array([width, width * random.normal(1.0, 0.09), 0.9 + 0.25 * habitus])
    domes = _domes(random)
    box = draw_heart_box(random, _tops(domes)[1], stretch=scale[1] / scale[0])
    right_lung, left_lung = _lungs(random)
    return Thorax(
        scale=scale,
        body=_body(random, habitus).scaled(scale),
        breasts=_breasts(random, habitus).scaled(scale),
        right_lung=right_lung.scaled(scale),
        left_lung=left_lung.scaled(scale),
        heart=make_heart(random, box).scaled(scale),
        vessels=_vessels(random, box).scaled(scale),
        paraspinal=ellipsoid((0.3, 8, -7.5), (4.2, 14, 5.2)).scaled(scale),
        aorta=_descending_aorta(random).scaled(scale),
        domes=domes.scaled(scale),
        effusions=_effusions(random).scaled(scale),
        stomach=_stomach(random, domes).scaled(scale),
        bowel=_bowel(random).scaled(scale),
        habitus=habitus,
    )


def _body(random: np.random.Generator, habitus: float) -> Ellipsoids:
    """Skin: an oblong trunk that widens into shoulders, and arms that hang a little outwards."""
    wall = 2.2 + 2.4 * habitus + random.normal(0, 0.3)
    arm, spread = 4.2 + 2 * habitus, random.uniform(6, 18)
    out, top = random.uniform(20.5, 22.5) + 1.2 * habitus, random.normal(-13.0, 0.7)
    neck = ellipsoid((0, -24, -1), (5.4 + 1.5 * habitus, 18, 5.5 + habitus))
    nape = ellipsoid((0, top + 5.5, -2), (9, 10.5, 8.0 + habitus))
    parts = [neck]
    for side in (-1, 1):
        trunk = ellipsoid((side * 5, 14, 0), (9 + wall, 29, 10.4 + 0.4 * wall))
        shoulder = ellipsoid((side * 11.5, top + 5.8, -1), (11.5, 6.2, 8.4 + habitus), side * 10)
        axilla = ellipsoid((side * 14, 4, -2), (3.2 + 0.5 * wall, 18, 7.5), side * -4)
        limb = ellipsoid((side * out, 9, -1), (arm, 20.5, arm + 0.5), -side * spread)
        parts += [trunk, chain(nape, shoulder, 4), axilla, limb]
    return union(*parts)


def _breasts(random: np.random.Generator, habitus: float) -> Ellipsoids:
    """Half sunk into the chest wall, so that their upper edge fades."""
    size = max(0.0, random.normal(0.5 + 0.5 * habitus, 0.3)) * (random.random() < 0.5)
    low, apart = random.normal(6.0, 1.2) + 2.0 * size, random.normal(8.4, 0.6)
    parts = []
    for side in (-1, 1):
        centre = (side * apart, low + random.normal(0, 0.4), 12.0)
        semi_axes = (5.8 + size, 5.4 + 1.2 * size, 0.02 + 3.6 * size)
        parts.append(ellipsoid(centre, semi_axes, -side * 12))
    return union(*parts)


def _lungs(random: np.random.Generator) -> tuple[Ellipsoids, Ellipsoids]:
    fullness, barrel = random.normal(0, 0.25), random.normal(0, 0.3)
    top = random.normal(-10.6, 0.25)
    return _lung(random, -1, top, fullness, barrel), _lung(random, 1, top, fullness, barrel)


def _lung(
    random: np.random.Generator, side: int, top: float, fullness: float, barrel: float
) -> Ellipsoids:
    half = 6.85 + fullness / 2
    base = ellipsoid((side * (7.15 + fullness / 2), 5.0, 0), (half, 12.5, 7.6))
    high = top + random.normal(0, 0.25)
    wide = 5.5 + barrel + random.normal(0, 0.1)
    apex = ellipsoid((side * (6.5 + barrel / 2), high + 7.2, -0.5), (wide, 7.2, 6.4), side * -4)
    return chain(base, apex, 4)


def _vessels(random: np.random.Generator, heart: HeartBox) -> Ellipsoids:
    knob = random.normal(1.85, 0.3)
    arch = random.normal(-4.6, 0.7)
    wide = random.normal(2.5, 0.35)
    base = heart.centre[1] - heart.size[1] / 2
    root = ellipsoid((heart.centre[0] - 0.08 * heart.size[0], base + 0.8, 0), (1.9, 2.2, 4.6))
    trunk = chain(ellipsoid((0.4, arch + 1.5, 0), (1.8, 2.5, 4.4)), root, 3)
    return union(
        ellipsoid((1.35 + 0.2 * knob, arch + 0.3, -1.0), (knob, knob * 1.25, 3.4), -8),
        ellipsoid((-1.0, arch + 3.0, 0.0), (wide - 0.5, 6.0, 4.4), -3),
        ellipsoid((-1.0, arch - 4.5, 0.0), (wide - 0.9, 6.2, 3.6), 8),
        ellipsoid((1.0, arch - 5.0, 0.0), (wide - 0.9, 5.8, 3.6), -8),
        ellipsoid((1.3, arch + 3.0, 0.0), (wide - 0.4, 4.2, 4.4), -14),
        ellipsoid((0.1, -6.0, -1.5), (1.4, 14.0, 5.0)),
        trunk,
    )


def _descending_aorta(random: np.random.Generator) -> Ellipsoids:
    radius = random.normal(1.25, 0.12)
    return ellipsoid((1.5 + random.normal(0.2, 0.3), 5, -4.5), (radius, 13, radius), -2)


def _domes(random: np.random.Generator) -> Ellipsoids:
    right = random.normal(6.6, 0.7)
    left = right + random.normal(0.75, 0.5)
    high = random.normal(8.4, 0.7)
    middle = min(right, left) + random.normal(0.5, 0.2)
    return union(
        ellipsoid((-7.2, right + high, 0.8), (7.9, high, 9.0), random.normal(-2, 2)),
        ellipsoid((7.5, left + high, 0.8), (7.7, high, 9.0), random.normal(2, 2)),
        ellipsoid((0.5, middle + 10, 1.0), (10.0, 10, 9.0)),
    )


def _tops(domes: Ellipsoids) -> Array:
    """The height of each dome, y in cm."""
    return np.asarray(domes.centres[:, 1] - np.linalg.norm(domes.frames[:, 1], axis=-1))


def _effusions(random: np.random.Generator) -> Ellipsoids:
    """Fluid fills the lateral recess with a level that rises outwards."""
    parts = [Ellipsoids(np.zeros((0, 3)), np.zeros((0, 3, 3)))]
    for side in (-1, 1):
        if random.random() < 0.06:
            depth = random.uniform(1.5, 4.5)
            parts.append(ellipsoid((side * 12.6, 12.5, -1), (5.5, 3 + depth, 8.5), side * -14))
    return union(*parts)


def _stomach(random: np.random.Generator, domes: Ellipsoids) -> Ellipsoids:
    top = _tops(domes)[1]
    size = random.uniform(0.0, 1.0) ** 1.5
    centre = (random.normal(6.3, 1.0), top + 0.7 + 1.6 * size, 1.0)
    return ellipsoid(centre, (0.8 + 2.6 * size, 0.2 + 1.7 * size, 0.6 + 2.4 * size), 5)


def _bowel(random: np.random.Generator) -> Ellipsoids:
    """Gas in the bends of the colon: clusters of bubbles below the domes."""
    side, deep = random.choice([-1, 1], p=[0.3, 0.7]), random.uniform(12, 16)
    bubbles = []
    for _ in range(6):
        x = side * random.normal(8.0, 2.0)
        centre = (x, deep + random.normal(0, 1.2), 3)
        semi_axes = random.uniform([0.5, 0.4, 0.3], [1.7, 1.1, 1.1])
        bubbles.append(ellipsoid(centre, tuple(semi_axes), random.uniform(-60, 60)))
    return union(*bubbles)
