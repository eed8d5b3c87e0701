"""The cardiothoracic ratio from boxes of heart and lungs.

Heart width over thorax width (Danzer, American Journal of the Medical Sciences 157, 1919), on a
posteroanterior view. The thorax reaches from the leftmost to the rightmost edge of the two lungs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from hdf.types import ImageFacts

LUNGS = ("left_lung", "right_lung")
RATIO_LABELS = ("heart", *LUNGS)
"""What a detector has to find for the ratio; left and right are the patient's."""


def cardiothoracic_ratio(boxes: Mapping[str, Tensor]) -> float | None:
    """Heart width / (max x1 of the lungs - min x0 of the lungs).

    Args:
        boxes: float [4] in pixels of one image, by label; others than `RATIO_LABELS` are ignored.

    Returns:
        The ratio, or None where one of the three is missing or the thorax has no width.
    """
    if not all(label in boxes for label in RATIO_LABELS):
        return None
    left, right = _outermost(boxes)
    heart, thorax = _reach(boxes["heart"], boxes["heart"]), _reach(boxes[left], boxes[right])
    return heart / thorax if thorax > 0 else None


def ratio_spread(boxes: Mapping[str, Tensor], spreads: Mapping[str, Tensor]) -> float | None:
    """One standard deviation of the ratio, to first order in those of the four edges it is made of.

    The edges' errors are taken as independent of each other: with r = (b - a) / (d - c),

        spread² = (spread_a² + spread_b² + r² (spread_c² + spread_d²)) / (d - c)²

    Args:
        boxes: as in `cardiothoracic_ratio`.
        spreads: one standard deviation of each edge, float [4] in pixels, by label.

    Returns:
        The spread; None where there is no ratio, or where one of the three has no spread.
    """
    ratio = cardiothoracic_ratio(boxes)
    if ratio is None or not all(label in spreads for label in RATIO_LABELS):
        return None
    left, right = _outermost(boxes)
    heart = math.hypot(float(spreads["heart"][0]), float(spreads["heart"][2]))
    thorax = math.hypot(float(spreads[left][0]), float(spreads[right][2]))
    return math.hypot(heart, ratio * thorax) / _reach(boxes[left], boxes[right])


def _outermost(boxes: Mapping[str, Tensor]) -> tuple[str, str]:
    """The lungs that reach furthest left and furthest right."""
    left = min(LUNGS, key=lambda label: float(boxes[label][0]))
    return left, max(LUNGS, key=lambda label: float(boxes[label][2]))


def _reach(left: Tensor, right: Tensor) -> float:
    return float(right[2]) - float(left[0])


@dataclass(frozen=True, slots=True)
class HeartWidth:
    """The width of a heart.

    Attributes:
        mm: millimetres.
        measured_at: where the pixel spacing was measured, as `ImageFacts.spacing_at`. At the
            ``detector`` the heart is magnified, usually by 5 to 15 %, and more on an
            anteroposterior view.
    """

    mm: float
    measured_at: Literal["patient", "detector", "unknown", ""]


def heart_width(box: Tensor, facts: ImageFacts) -> HeartWidth | None:
    """The width of a heart box in millimetres, by the spacing of the image's columns.

    Args:
        box: float [4] in pixels of the image as its file holds it.
        facts: what that file says.

    Returns:
        The width, or None where the file states no pixel spacing.
    """
    if facts.pixel_spacing is None:
        return None
    return HeartWidth(float(box[2] - box[0]) * facts.pixel_spacing[1], facts.spacing_at)
