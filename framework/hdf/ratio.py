"""The cardiothoracic ratio from boxes, and its spread."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor


def cardiothoracic_ratio(boxes: Mapping[str, Tensor]) -> float | None:
    """Heart width over the width of the lungs; None where a box is missing or has no width."""
    if not {"heart", "left_lung", "right_lung"} <= boxes.keys():
        return None
    left, right, heart = boxes["left_lung"], boxes["right_lung"], boxes["heart"]
    chest = float(max(left[2], right[2]) - min(left[0], right[0]))
    return float(heart[2] - heart[0]) / chest if chest > 0 else None


def ratio_spread(boxes: Mapping[str, Tensor], spreads: Mapping[str, Tensor]) -> float | None:
    """One standard deviation of the ratio, to first order; edges count as independent."""
    ratio = cardiothoracic_ratio(boxes)
    if ratio is None or not {"heart", "left_lung", "right_lung"} <= spreads.keys():
        return None
    lungs = ("left_lung", "right_lung")
    right = max(lungs, key=lambda name: float(boxes[name][2]))
    left = min(lungs, key=lambda name: float(boxes[name][0]))
    chest = float(boxes[right][2] - boxes[left][0])
    heart = float(spreads["heart"][0] ** 2 + spreads["heart"][2] ** 2)
    outer = float(spreads[right][2] ** 2 + spreads[left][0] ** 2)
    return float((heart + ratio**2 * outer) ** 0.5 / chest)
