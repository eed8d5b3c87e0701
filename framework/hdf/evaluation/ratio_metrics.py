"""How well the cardiothoracic ratio of predicted boxes agrees with that of the true ones."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from hdf.boxes import area
from hdf.evaluation.metrics import Columns, Matches, mean_interval, variation_interval
from hdf.ratio import RATIO_LABELS, cardiothoracic_ratio, ratio_spread

LIMITS = 1.96
"""Standard deviations between which 95 % of normal differences lie."""


@dataclass(frozen=True)
class Ratios(Columns):
    """The ratio of every image with a true one.

    Attributes:
        image: int64 [R], position of the image.
        true: float64 [R].
        found: float64 [R], of the predicted boxes; NaN where one was not found.
        spread: float64 [R], one standard deviation of `found`; NaN where no spread is known.
    """

    image: Tensor
    true: Tensor
    found: Tensor
    spread: Tensor


def ratios_of(matches: Matches) -> Ratios:
    """The ratios of each image's largest true boxes, and of the boxes found for them."""
    rows = []
    for image, chosen in _largest(matches).items():
        true = cardiothoracic_ratio({label: matches.true[row] for label, row in chosen.items()})
        if true is not None:
            rows.append((image, true, *_found(matches, chosen)))
    table = torch.tensor(rows, dtype=torch.float64).view(-1, 4)
    return Ratios(table[:, 0].long(), table[:, 1], table[:, 2], table[:, 3])


def _largest(matches: Matches) -> dict[int, dict[str, int]]:
    """For each image the row of the largest true box of each label that the ratio needs."""
    areas = area(matches.true).tolist()
    chosen: dict[int, dict[str, int]] = defaultdict(dict)
    for row, (image, label) in enumerate(zip(matches.image.tolist(), matches.label, strict=True)):
        here = chosen[image]
        if label in RATIO_LABELS and (label not in here or areas[row] > areas[here[label]]):
            here[label] = row
    return chosen


def _found(matches: Matches, chosen: dict[str, int]) -> tuple[float, float]:
    """The ratio of the predicted boxes and its spread; NaN where there is none."""
    answers = {label: matches.true[row] + matches.edge_error[row] for label, row in chosen.items()}
    boxes = {label: box for label, box in answers.items() if not box.isnan().any()}
    ratio = cardiothoracic_ratio(boxes)
    spread = ratio_spread(boxes, {label: matches.spread[row] for label, row in chosen.items()})
    return math.nan if ratio is None else ratio, math.nan if spread is None else spread


def ratio_metrics(matches: Matches, constant: Matches) -> dict[str, Any] | None:
    """The part ``ratio`` of the metrics; None where no image has a ratio, true and predicted.

    Args:
        matches: the detector's answers.
        constant: the constant box's, for the same true boxes.

    Returns:
        ``n`` images with both ratios, ``missed`` with only a true one; over the `n`: ``mae`` with
        ``mae_95``, ``bias`` (predicted minus true), ``sd`` of the differences, ``limits`` of
        agreement, ``cv`` with ``cv_95``, Pearson's ``r``, ``mean`` true ratio and
        ``constant_box_mae``. What needs at least two images is None for one.
    """
    every = ratios_of(matches)
    both = ~every.found.isnan()
    if not both.any():
        return None
    ratios, fixed = every.part(both), ratios_of(constant).part(both)
    error = ratios.found - ratios.true
    constant_mae = float((fixed.found - fixed.true).abs().mean())
    return {
        "n": len(error),
        "missed": int((~both).sum()),
        "mae": float(error.abs().mean()),
        "mae_95": mean_interval(error.abs(), ratios.image),
        **_agreement(ratios),
        "mean": float(ratios.true.mean()),
        "constant_box_mae": None if math.isnan(constant_mae) else constant_mae,
    }


def _agreement(ratios: Ratios) -> dict[str, Any]:
    """Bland and Altman, Lancet 1986; the within-subject variation of their BMJ 313:106, 1996."""
    error = ratios.found - ratios.true
    bias = float(error.mean())
    if len(error) < 2:
        return {"bias": bias, **dict.fromkeys(("sd", "limits", "cv", "cv_95", "r"))}
    sd = float(error.std())
    levels = (ratios.found + ratios.true) / math.sqrt(2)
    interval = variation_interval(error, levels, ratios.image)
    r = float(torch.corrcoef(torch.stack([ratios.true, ratios.found]))[0, 1])
    return {
        "bias": bias,
        "sd": sd,
        "limits": [bias - LIMITS * sd, bias + LIMITS * sd],
        "cv": sd / float(levels.mean()),
        "cv_95": interval,
        "r": None if math.isnan(r) else r,
    }
