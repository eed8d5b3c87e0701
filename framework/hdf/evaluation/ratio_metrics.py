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
        true: float64 [R], as are the others.
        found: of the predicted boxes; NaN where one was not found.
        spread: one standard deviation of `found`; NaN where none is known.
    """

    image: Tensor
    true: Tensor
    found: Tensor
    spread: Tensor


def ratios_of(matches: Matches) -> Ratios:
    """The ratios of each image's largest true boxes, and of the boxes found for them."""
    answers, known, images = matches.box, matches.found, matches.image.tolist()
    chosen: dict[int, dict[str, int]] = defaultdict(dict)
    for row in area(matches.true).argsort(descending=True, stable=True).tolist():
        if matches.label[row] in RATIO_LABELS:
            chosen[images[row]].setdefault(matches.label[row], row)
    table = []
    for image, rows in sorted(chosen.items()):
        true = cardiothoracic_ratio({label: matches.true[row] for label, row in rows.items()})
        if true is not None:
            found = {label: answers[row] for label, row in rows.items() if known[row]}
            spreads = {label: matches.spread[row] for label, row in rows.items()}
            numbers = (image, true, cardiothoracic_ratio(found), ratio_spread(found, spreads))
            table.append([math.nan if number is None else number for number in numbers])
    columns = torch.tensor(table, dtype=torch.float64).view(-1, 4)
    return Ratios(columns[:, 0].long(), columns[:, 1], columns[:, 2], columns[:, 3])


def ratio_metrics(matches: Matches, constant: Matches) -> dict[str, Any] | None:
    """The part ``ratio`` of the metrics; None where no image has a ratio, true and predicted.

    docs/evaluation.md defines each. What needs at least two images is None for one.

    Args:
        constant: the constant box's matches, for the same true boxes.
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
    r = float(torch.corrcoef(torch.stack([ratios.true, ratios.found]))[0, 1])
    return {
        "bias": bias,
        "sd": sd,
        "limits": [bias - LIMITS * sd, bias + LIMITS * sd],
        "cv": sd / float(levels.mean()),
        "cv_95": variation_interval(error, levels, ratios.image),
        "r": None if math.isnan(r) else r,
    }
