"""Calibrating a detector's spreads on its matches, and the coverage of the calibrated boxes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from hdf.boxes import area
from hdf.evaluation.metrics import Columns, Matches, mean_interval, of_name
from hdf.evaluation.ratio_metrics import Ratios, ratios_of
from hdf.models.calibration import LEVELS, Calibration, EdgeErrors, fit_calibration

LEVEL = 0.9
"""The coverage that summaries report."""


def calibrate(matches: Matches) -> Calibration | None:
    """A calibration from the matches on images that the detector was not trained on.

    Returns:
        The quantiles of every label, and of the ratio if there are enough; None if there are too
        few boxes for the lowest of `LEVELS`.
    """
    found = matches.part(matches.found)
    parts = {label: found.of_label(label) for label in dict.fromkeys(found.label)}
    errors = {name: EdgeErrors(it.edge_error, it.box, it.spread) for name, it in parts.items()}
    calibration = fit_calibration(errors, LEVELS)
    if calibration is None:
        return None
    ratios = _known_ratios(_with_spread(found, calibration))
    return calibration.with_ratio(ratios.found - ratios.true, ratios.spread)


def _with_spread(matches: Matches, calibration: Calibration) -> Matches:
    """The matches with calibrated spreads; NaN where there is none."""
    spread = torch.full_like(matches.spread, torch.nan)
    for label in calibration.edges:
        rows = of_name(matches.label, label)
        spread[rows] = calibration.spread(matches.box[rows], matches.spread[rows], label)
    return replace(matches, spread=spread)


def _known_ratios(matches: Matches) -> Ratios:
    ratios = ratios_of(matches)
    return ratios.part(~(ratios.found.isnan() | ratios.spread.isnan()))


@dataclass(frozen=True)
class Covered(Columns):
    """Whether calibrated boxes, or ratio intervals, contain the truth, for what was found.

    Attributes:
        label: M names; ``ratio`` for an interval.
        holds: bool [M], whether all four true edges, or the true ratio, lie within their margins.
        size: float64 [M], the outer box's area over the true one's, or the interval's width.
    """

    image: Tensor
    label: list[str]
    holds: Tensor
    size: Tensor


def covered(matches: Matches, calibration: Calibration) -> tuple[Covered, Covered]:
    """A calibration against the truth: the boxes, and the ratios; it must have the `LEVEL`."""
    known = _with_spread(matches, calibration)
    known = known.part(known.found & ~known.spread.isnan().any(-1))
    growth, holds = torch.zeros(len(known.label)).double(), torch.zeros(len(known.label)).bool()
    for label in dict.fromkeys(known.label):
        rows = of_name(known.label, label)
        arguments = (known.box[rows], known.spread[rows], label, LEVEL)
        growth[rows] = (area(calibration.outer(*arguments)) / area(known.true[rows])).double()
        error = known.edge_error[rows].abs()
        holds[rows] = (error <= calibration.margin(*arguments)).all(-1)
    boxes = Covered(known.image, known.label, holds, growth)
    return boxes, _covered_ratios(known, calibration)


def _covered_ratios(matches: Matches, calibration: Calibration) -> Covered:
    ratios = _known_ratios(matches)
    if not calibration.ratio:
        ratios = ratios.part(torch.zeros(0).long())
    intervals = [
        calibration.ratio_interval(ratio, spread, LEVEL)
        for ratio, spread in zip(ratios.found.tolist(), ratios.spread.tolist(), strict=True)
    ]
    low, high = torch.tensor(intervals, dtype=torch.float64).view(-1, 2).unbind(-1)
    inside = (low <= ratios.true) & (ratios.true <= high)
    return Covered(ratios.image, ["ratio"] * len(inside), inside, high - low)


def coverage(matches: Matches, calibration: Calibration) -> dict[str, Any] | None:
    """The part ``coverage`` of the metrics; None where the calibration lacks the level."""
    if LEVEL not in calibration.levels:
        return None
    return _summary([covered(matches, calibration)])


def cross_coverage(matches: Matches, fold: Tensor) -> dict[str, Any] | None:
    """The coverage of each fold's boxes, calibrated by those of the other folds.

    Args:
        matches: of all folds, by detectors that were not trained on them.
        fold: int64 [M], the fold of each true box.

    Returns:
        As `coverage`; None where the other folds have too few boxes for the level.
    """
    parts = []
    for number in sorted(set(fold.tolist())):
        calibration = calibrate(matches.part(fold != number))
        if calibration is None or LEVEL not in calibration.levels:
            return None
        parts.append(covered(matches.part(fold == number), calibration))
    return _summary(parts) if parts else None


def _summary(parts: Sequence[tuple[Covered, Covered]]) -> dict[str, Any]:
    same = [0] * len(parts)  # all parts count images alike
    every, ratios = (Covered.concatenate(item, same) for item in zip(*parts, strict=True))
    labels = {}
    for label in dict.fromkeys(every.label):
        boxes = every.part(of_name(every.label, label))
        labels[label] = {
            **_share(boxes),
            "outer_area_mean": float(boxes.size.mean()),
            "outer_area_median": float(boxes.size.quantile(0.5)),
        }
    found: dict[str, Any] = {"level": LEVEL, "labels": labels}
    if ratios.label:
        found["ratio"] = {**_share(ratios), "width_mean": float(ratios.size.mean())}
    return found


def _share(covered: Covered) -> dict[str, Any]:
    holds = covered.holds.double()
    return {
        "n": len(holds),
        "coverage": float(holds.mean()),
        "coverage_95": mean_interval(holds, covered.image),
    }
