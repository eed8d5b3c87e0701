"""How the patient stands before the detector: projection, turn, zoom and position."""

from __future__ import annotations

import numpy as np

from hdf_plugins.phantom.anatomy import Thorax
from hdf_plugins.phantom.beam import Beam, rotation
from hdf_plugins.phantom.solids import union


def place(random: np.random.Generator, thorax: Thorax, size: tuple[int, int]) -> Beam:
    """Draw the view of one patient on an image of `size` (height, width).

    The lungs span 0.81 +- 0.07 of the image's shorter side, less where the heart is large. The
    point two thirds of the way from the heart's middle to the lungs' top lies at 0.28 +- 0.03 of
    the image's height. One view in six is portable, from the front: a nearer source, more turn.
    """
    portable = random.random() < 1 / 6
    source = random.uniform(100, 130) if portable else -180.0
    unrest = 1.6 if portable else 1.0
    turn = rotation(*(random.normal(0, [2.8, 3.0, 1.3]) * unrest))
    outline = union(thorax.right_lung, thorax.left_lung)
    (left, top, _), (right, _, _) = outline.bounds()
    heart_low, heart_high = thorax.heart.bounds()
    large = (heart_high[0] - heart_low[0]) / (right - left) - 0.53
    spread = np.clip(random.normal(0.808 - 0.45 * large, 0.06), 0.6, 0.97)
    spacing = float(right - left) / (spread * min(size))
    anchor = 0.65 * top + 0.35 * np.mean([edge[1] for edge in thorax.heart.bounds()])
    height = np.clip(random.normal(0.280, 0.034), 0.18, 0.38)
    centre = (random.normal(0.503, 0.024) * size[1], height * size[0] - anchor / spacing)
    return Beam(turn, source, spacing, (float(centre[0]), float(centre[1])), size)
