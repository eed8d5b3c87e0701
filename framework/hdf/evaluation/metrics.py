"""Agreement of predicted with true boxes, in the pixels of the original images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hdf.boxes import iou
from hdf.types import Detections, Target

RESAMPLES = 2000


@dataclass(frozen=True)
class Matches:
    """Every true box and the best prediction of its label.

    Attributes:
        image: int64 [M], position of the image.
        label: M names.
        iou: float32 [M] in [0, 1]; 0 where nothing was found.
        edge_error: float32 [M, 4], predicted minus true edge in pixels; NaN where nothing was
            found.
    """

    image: Tensor
    label: list[str]
    iou: Tensor
    edge_error: Tensor

    def part(self, rows: Tensor) -> Matches:
        """The true boxes where `rows`, bool [M], is set."""
        labels = [self.label[index] for index in rows.nonzero()[:, 0].tolist()]
        return Matches(self.image[rows], labels, self.iou[rows], self.edge_error[rows])


def match(
    targets: Sequence[Target], detections: Sequence[Detections], labels: tuple[str, ...]
) -> Matches:
    """Pair each true box with the highest-scoring detection of its label in its image."""
    images, names, scores, errors = [], [], [], []
    for index, (target, found) in enumerate(zip(targets, detections, strict=True)):
        for box, label in zip(target.boxes, target.labels, strict=True):
            best = found.best(labels.index(label))
            images.append(index)
            names.append(label)
            scores.append(torch.zeros(()) if best is None else iou(best, box))
            errors.append(torch.full((4,), torch.nan) if best is None else best - box)
    return Matches(
        torch.tensor(images).long(),
        names,
        torch.stack(scores) if scores else torch.zeros(0),
        torch.stack(errors) if errors else torch.zeros(0, 4),
    )


def box_metrics(matches: Matches) -> dict[str, Any]:
    """The metrics of ``summary.json``.

    Returns:
        ``iou_mean`` with its bootstrap 95 % interval over images ``iou_mean_95``, ``iou_median``,
        ``iou_at_50`` and ``iou_at_75`` (shares of boxes), and ``edge_error_px``: the mean absolute
        error of x0, y0, x1, y1 (None where no box was found at all).
    """
    scores = matches.iou.double()
    error = matches.edge_error.double().abs().nanmean(0)
    return {
        "iou_mean": float(scores.mean()),
        "iou_mean_95": mean_interval(matches.iou, matches.image),
        "iou_median": float(scores.quantile(0.5)),
        "iou_at_50": float((scores >= 0.5).double().mean()),
        "iou_at_75": float((scores >= 0.75).double().mean()),
        "edge_error_px": [None if math.isnan(edge) else edge for edge in error.tolist()],
    }


def mean_interval(values: Tensor, image: Tensor) -> list[float]:
    """The 95 % percentile interval of the mean of `values` over images.

    The boxes of one image are resampled together (Efron and Tibshirani 1993, chapter 13).

    Args:
        values: [M], one a true box.
        image: int64 [M], the image of each.
    """
    _, position = np.unique(image.numpy(), return_inverse=True)
    sums = np.bincount(position, weights=values.double().numpy())
    counts = np.bincount(position)
    rng = np.random.default_rng(0)
    means = np.empty(RESAMPLES)
    for number in range(RESAMPLES):  # one at a time: memory stays that of one resample
        draw = rng.integers(len(sums), size=len(sums))
        means[number] = sums[draw].sum() / counts[draw].sum()
    low, high = np.percentile(means, [2.5, 97.5])
    return [float(low), float(high)]
