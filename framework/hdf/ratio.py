"""The cardiothoracic ratio from boxes of heart and lungs.

Heart width over thorax width (Danzer, American Journal of the Medical Sciences 157, 1919), on a
posteroanterior view. The thorax reaches from the leftmost to the rightmost edge of the two lungs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from torch import Tensor

from hdf.types import ImageFacts

LUNGS = ("left_lung", "right_lung")
RATIO_LABELS = ("heart", *LUNGS)
"""What a detector has to find for the ratio; left and right are the patient's."""


class _Edge(NamedTuple):
    """A position in pixels, and one standard deviation of it."""

    at: float
    spread: float = 0.0


def cardiothoracic_ratio(boxes: Mapping[str, Tensor]) -> float | None:
    """Heart width / (max x1 of the lungs - min x0 of the lungs).

    Args:
        boxes: float [4] in pixels of one image, by label; others than `RATIO_LABELS` are ignored.

    Returns:
        The ratio, or None where one of the three is missing or the thorax has no width.
    """
    found = _edges(boxes, {})
    return None if found is None else _ratio(*found)


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
    if not all(label in spreads for label in RATIO_LABELS):
        return None
    edges = _edges(boxes, spreads)
    ratio = None if edges is None else _ratio(*edges)
    if edges is None or ratio is None:
        return None
    low, high, left, right = edges
    heart, thorax = math.hypot(low.spread, high.spread), math.hypot(left.spread, right.spread)
    return math.hypot(heart, ratio * thorax) / (right.at - left.at)


def _edges(
    boxes: Mapping[str, Tensor], spreads: Mapping[str, Tensor]
) -> tuple[_Edge, _Edge, _Edge, _Edge] | None:
    """The heart's x0 and x1, and the thorax's."""
    if not all(label in boxes for label in RATIO_LABELS):
        return None

    def edge(label: str, index: int) -> _Edge:
        spread = float(spreads[label][index]) if label in spreads else 0.0
        return _Edge(float(boxes[label][index]), spread)

    left = min((edge(label, 0) for label in LUNGS), key=lambda item: item.at)
    right = max((edge(label, 2) for label in LUNGS), key=lambda item: item.at)
    return edge("heart", 0), edge("heart", 2), left, right


def _ratio(low: _Edge, high: _Edge, left: _Edge, right: _Edge) -> float | None:
    thorax = right.at - left.at
    return (high.at - low.at) / thorax if thorax > 0 else None


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
