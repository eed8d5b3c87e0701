"""Every reader can tell the boxes of three organs apart, and true boxes from predicted ones."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray

from hdf.drawing.colours import box_colours, true_colours

# G. M. Machado et al., IEEE TVCG 15(6), 2009: complete dichromacy, on linear RGB.
VISION = {
    "normal": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "protanopia": [[0.1523, 1.0526, -0.2049], [0.1145, 0.7863, 0.0992], [-0.0039, -0.0481, 1.052]],
    "deuteranopia": [[0.3673, 0.8606, -0.228], [0.2801, 0.6725, 0.0474], [-0.0118, 0.0429, 0.9689]],
    "tritanopia": [[1.2555, -0.0767, -0.1788], [-0.0784, 0.9308, 0.1476], [0.0047, 0.6914, 0.3039]],
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
D65 = np.array([0.9505, 1, 1.089])


def lab(colour: str, vision: str) -> NDArray[np.float64]:
    """CIELAB of what a reader sees."""
    channels = np.array([*bytes.fromhex(colour[1:])]) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    seen = (VISION[vision] @ linear).clip(0, 1)
    x, y, z = np.cbrt(TO_XYZ @ seen / D65)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("vision", VISION)
def test_three_organs_have_hues_that_every_reader_can_tell_apart(vision: str) -> None:
    for kind in zip(*box_colours(3), strict=True):
        pairs = combinations([lab(colour, vision) for colour in kind], 2)
        assert min(np.linalg.norm(one - other) for one, other in pairs) > 18
    hues = combinations([lab(colour, vision) for colour in true_colours(3)], 2)
    assert min(np.linalg.norm(one - other) for one, other in hues) > 30


@pytest.mark.parametrize("vision", VISION)
def test_true_and_predicted_boxes_differ_for_one_label_and_for_several(vision: str) -> None:
    (one,) = box_colours(1)
    assert np.linalg.norm(lab(one.predicted, vision) - lab(one.true, vision)) > 30
    for pair in box_colours(3):
        assert lab(pair.true, vision)[0] > lab(pair.predicted, vision)[0]  # and dashed


def test_labels_have_a_colour_each() -> None:
    assert true_colours(1) == [box_colours(1)[0].true]
    assert true_colours(3) == [pair.predicted for pair in box_colours(3)]
    assert len(set(true_colours(3))) == 3
    assert len(true_colours(20)) == len(box_colours(20)) == 20
