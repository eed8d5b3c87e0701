"""Heart, great vessels, diaphragm and abdominal gas, in the drawing's cm (see `patient`)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hdf_plugins.phantom.projection import Array, Ellipsoids, Random, chain, ellipsoid, union

LUNG_TOP = -10.6  # y of the apices in the drawing, cm


@dataclass(frozen=True)
class HeartBox:
    """Bounds of the cardiac outline in the patient's coronal plane: (x, y) and (width, height)."""

    centre: tuple[float, float]
    size: tuple[float, float]

    @property
    def top(self) -> float:
        return self.centre[1] - self.size[1] / 2

    @property
    def bottom(self) -> float:
        return self.centre[1] + self.size[1] / 2


def draw_heart_box(random: Random, stretch: float) -> HeartBox:
    """A heart for lungs that are 28 cm wide and, before `stretch`, 22 cm high.

    `stretch` is the patient's height over width, relative to the drawing's. The cardiothoracic
    ratio is drawn from a normal distribution, truncated to the range of real radiographs. The
    distance from the top of the lungs and the height follow linear regressions on expert masks,
    with their residuals.
    """
    ratio = np.clip(random.normal(0.534, 0.078), 0.388, 0.705)
    tall, large = 0.79 * (stretch - 1), ratio - 0.54
    width = 28 * ratio
    height = 28 * (0.41 + 0.275 * tall + 0.274 * large + random.normal(0, 0.038)) / stretch
    below = 28 * (0.312 + 0.459 * tall + 0.034 * large + random.normal(0, 0.045)) / stretch
    shift = 0.103 - 0.05 * tall + 0.116 * large + random.normal(0, 0.037)
    middle = np.clip(28 * shift, 0.3, 13.2 - width / 2)
    centre = (float(middle), float(LUNG_TOP + below + height / 2))
    return HeartBox(centre, (float(width), float(height)))


def make_heart(random: Random, box: HeartBox) -> Ellipsoids:
    """The chambers; their outline touches the four sides of the box."""
    shape = _chambers(random)
    low, high = shape.bounds()
    depth = 12.4 * np.sqrt(box.size[0] / 14.7)
    stretch = np.array([*box.size, depth]) / (high - low)
    return shape.moved(-(low + high) / 2).scaled(stretch).moved(np.array([*box.centre, 0.9]))


def _chambers(random: Random) -> Ellipsoids:
    """The cardiac outline of a radiograph, roughly in [-1, 1]; sizes vary by a few per cent."""

    def vary(*values: float) -> Array:
        return np.asarray(np.array(values) + random.normal(0, 0.05, len(values)))

    swell = random.normal(0, 0.07)
    right_atrium = ellipsoid(vary(-0.48, 0.26, -0.1), vary(0.52, 0.65, 0.8), 6)
    left_ventricle = ellipsoid(vary(0.40, 0.42, 0.0), vary(0.62, 0.48, 0.8) + swell, 32)
    right_ventricle = ellipsoid(vary(-0.02, 0.50, 0.2), vary(0.76, 0.50, 0.8), 5)
    outflow = ellipsoid(vary(-0.31, -0.50, 0.1), vary(0.42, 0.50, 0.7), random.normal(5, 8))
    left_border = chain(outflow, left_ventricle, 5)
    return union(left_border, chain(outflow, right_atrium, 4)[1:], right_ventricle)


def make_great_vessels(random: Random, heart: HeartBox) -> Ellipsoids:
    """The mediastinum above the heart: narrow at the top, wider towards the hila.

    It is wide in one patient in eight: an unfolded aorta, fat, or a supine film.
    """
    wide = float(np.exp(random.normal(0.3 if random.random() < 0.12 else 0, 0.12)))
    shift, arch = random.normal(0, 0.5), random.normal(-4.5, 0.8)
    knob = wide * random.normal(1.85, 0.3)
    hilum, bulge = random.normal(2.1, 0.35), random.normal(2.4, 0.45)
    base = heart.top
    root = ellipsoid((heart.centre[0] - 0.12 * heart.size[0], base + 0.8, 0), (1.9, 2.2, 4.6))
    cava = ellipsoid((shift - 0.2, base - 1.7, 0), (1.55 * wide, 2.6, 4.0))
    pulmonary = (shift + 1.7, base - 0.2 + random.normal(0, 0.5), 0)
    return union(
        ellipsoid((0.3 + shift + knob, arch + 0.3, -1.0), (knob, knob * 1.25, 3.4), -8),
        ellipsoid((0.1 + shift, arch - 3.0, 0.0), (1.35 * wide, 8.0, 4.4), -2),
        ellipsoid((0.8 + shift, arch - 4.5, 0.0), (1.35 * wide, 6.0, 4.0), -4),
        # The right border: the superior vena cava, down to the right hilum.
        chain(cava, ellipsoid((shift - 1.0, base + 2.6, 0), (hilum * wide, 4.2, 3.6)), 4),
        # The left border between aortic knob and ventricle: concave, straight or convex.
        ellipsoid(pulmonary, (bulge * wide, 2.9, 3.6), -12),
        chain(ellipsoid((0.4 + shift, arch + 1.5, 0), (1.7, 2.5, 4.4)), root, 3),
    )


def make_fat_pads(random: Random, heart: HeartBox) -> Ellipsoids:
    """Fat between heart and diaphragm, which hides the lower corners of the heart."""
    parts = []
    for side in (-1, 1):
        if random.random() < 0.5:
            size = random.uniform(0.5, 2.2)
            x = heart.centre[0] + side * (heart.size[0] / 2 - 0.5)
            centre = (x, heart.bottom - random.uniform(0.5, 2.0), 4.0)
            parts.append(ellipsoid(centre, (size, 1.2 * size, 2 + size), side * -35))
    return union(*parts)


def make_descending_aorta(random: Random) -> Ellipsoids:
    radius = random.normal(1.25, 0.12)
    return ellipsoid((1.5 + random.normal(0.2, 0.3), 5, -4.5), (radius, 13, radius), -2)


def make_domes(random: Random, heart: HeartBox) -> Ellipsoids:
    """The diaphragm, into which the heart dips; the right half is usually higher."""
    left = heart.bottom - max(random.normal(1.9, 0.9), 0.2)
    right = left + random.normal(-1.1, 0.8)
    high = random.normal(8.4, 1.0)
    middle = min(right, left) + random.normal(0.6, 0.3)
    deep = high + random.normal(1.0, 0.8)
    return union(
        ellipsoid((-7.2, right + deep, 0.8), (7.9, deep, 9.0), random.normal(-2, 3)),
        ellipsoid((7.5, left + high, 0.8), (7.7, high, 9.0), random.normal(2, 3)),
        ellipsoid((0.5, middle + 10, 1.0), (10.0, 10, 9.0)),
    )


def make_effusions(random: Random) -> Ellipsoids:
    """Fluid in the lateral recesses, with a level that rises outwards."""
    parts = []
    for side in (-1, 1):
        if random.random() < 0.06:
            depth = random.uniform(1.5, 4.5)
            parts.append(ellipsoid((side * 12.6, 12.5, -1), (5.5, 3 + depth, 8.5), side * -14))
    return union(*parts)


def make_stomach(random: Random, domes: Ellipsoids, heart: HeartBox) -> Ellipsoids:
    """Gas under the left dome, at or below the lower border of the heart."""
    size = random.uniform(0.0, 1.0) ** 1.5
    semi_axes = (0.8 + random.uniform(1.5, 3.5) * size, 0.2 + random.uniform(1.2, 2.4) * size)
    left_dome = domes.centres[1, 1] - np.linalg.norm(domes.frames[1, 1])
    top = max(left_dome + 0.5, heart.bottom + random.normal(0.6, 0.9))
    centre = (random.normal(6.8, 1.5), top + semi_axes[1], 1.0)
    return ellipsoid(centre, (*semi_axes, 0.6 + 2.4 * size), random.normal(3, 10))


def make_bowel(random: Random, heart: HeartBox) -> Ellipsoids:
    """Gas in the flexures of the colon: clusters of bubbles below the domes."""
    bubbles = []
    for _ in range(random.integers(1, 4)):
        deep = heart.bottom + random.uniform(2.5, 9)
        middle = (random.choice([-1, 1]) * random.uniform(2, 10), deep)
        for _ in range(random.integers(2, 7)):
            centre = (*(middle + random.normal(0, [1.7, 1.1])), 3)
            semi_axes = random.uniform([0.5, 0.4, 0.3], [1.9, 1.2, 1.4])
            bubbles.append(ellipsoid(centre, tuple(semi_axes), random.uniform(-60, 60)))
    return union(*bubbles)
