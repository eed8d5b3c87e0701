"""Agreement of predicted with true boxes, in the pixels of the original images."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor

from hdf.boxes import iou
from hdf.evaluation.bootstrap import mean_interval, quantile_interval
from hdf.types import Detections, Target

SHARES = {"iou_at_50": 0.5, "iou_at_75": 0.75, "iou_at_90": 0.9}
LOW = 0.02
"""The quantile that tells how bad the bad ones are."""


@dataclass(frozen=True)
class Matches:
    """Every true box and the best prediction of its label.

    Attributes:
        image: int64 [M], position of the image.
        label: M names.
        true: float32 [M, 4], the true boxes in pixels.
        iou: float32 [M] in [0, 1]; 0 where nothing was found.
        edge_error: float32 [M, 4], predicted minus true edge in pixels; NaN where nothing was
            found.
        spread: float32 [M, 4], one standard deviation of each predicted edge in pixels; NaN where
            nothing was found or the head gives none.
    """

    image: Tensor
    label: list[str]
    true: Tensor
    iou: Tensor
    edge_error: Tensor
    spread: Tensor

    @property
    def box(self) -> Tensor:
        """The predicted boxes, float32 [M, 4]; NaN where nothing was found."""
        return self.true + self.edge_error

    @property
    def found(self) -> Tensor:
        """Where something was found, bool [M]."""
        return ~self.edge_error.isnan().any(-1)

    def of_label(self, name: str) -> Matches:
        """The true boxes of one label."""
        return self.part(torch.tensor([label == name for label in self.label], dtype=torch.bool))

    def part(self, rows: Tensor) -> Matches:
        """The true boxes where `rows`, bool [M], is set."""
        labels = [self.label[index] for index in rows.nonzero()[:, 0].tolist()]
        return Matches(
            self.image[rows],
            labels,
            self.true[rows],
            self.iou[rows],
            self.edge_error[rows],
            self.spread[rows],
        )

    @classmethod
    def joined(cls, parts: Sequence[Matches], images: Iterable[int]) -> Matches:
        """One after the other, of `images` images each."""
        return cls(
            joined_positions([item.image for item in parts], images),
            [label for item in parts for label in item.label],
            torch.cat([item.true for item in parts]),
            torch.cat([item.iou for item in parts]),
            torch.cat([item.edge_error for item in parts]),
            torch.cat([item.spread for item in parts]),
        )


def joined_positions(parts: Sequence[Tensor], images: Iterable[int]) -> Tensor:
    """Positions of images, int64 [M_i] a part, as those of all parts' images in one row.

    Args:
        images: how many each part has.
    """
    starts = accumulate(images, initial=0)
    return torch.cat([part + start for part, start in zip(parts, starts, strict=False)])


def match(
    targets: Sequence[Target], detections: Sequence[Detections], labels: tuple[str, ...]
) -> Matches:
    """Pair each true box with the highest-scoring detection of its label in its image."""
    nothing = torch.full((4,), torch.nan)
    images, names, true, boxes, spreads = [], [], [], [], []
    for index, (target, found) in enumerate(zip(targets, detections, strict=True)):
        for box, label in zip(target.boxes, target.labels, strict=True):
            best = _best(found, labels.index(label))
            images.append(index)
            names.append(label)
            true.append(box)
            boxes.append(nothing if best is None else found.boxes[best])
            spreads.append(nothing if best is None or found.spread is None else found.spread[best])
    truth, answers = _stacked(true), _stacked(boxes)
    return Matches(
        torch.tensor(images).long(),
        names,
        truth,
        iou(answers, truth).nan_to_num(0.0),
        answers - truth,
        _stacked(spreads),
    )


def _best(found: Detections, label: int) -> int | None:
    of_label = (found.labels == label).nonzero().flatten()
    return int(of_label[found.scores[of_label].argmax()]) if len(of_label) else None


def _stacked(boxes: list[Tensor]) -> Tensor:
    return torch.stack(boxes) if boxes else torch.zeros(0, 4)


def box_metrics(matches: Matches) -> dict[str, Any]:
    """The metrics of ``summary.json``; docs/evaluation.md defines each.

    Args:
        matches: one true box at least.

    Returns:
        ``iou_mean``, ``iou_median``, ``iou_p2`` (2nd percentile), ``iou_at_50``, ``iou_at_75`` and
        ``iou_at_90`` (shares of boxes); bootstrap 95 % intervals over images, ``iou_mean_95`` and,
        of the others by name, ``interval_95``; and for x0, y0, x1, y1 the errors
        ``edge_error_px`` (mean absolute), ``edge_bias_px`` (mean) and ``edge_error_percent`` (mean
        absolute, in % of the true box's width or height), None where no box was found at all.
    """
    scores, image = matches.iou.double(), matches.image
    error = matches.edge_error.double()
    side = (matches.true[:, 2:] - matches.true[:, :2]).double().tile(2)
    return {
        "iou_mean": float(scores.mean()),
        "iou_mean_95": mean_interval(scores, image),
        **iou_spread(matches),
        "interval_95": {
            "iou_median": quantile_interval(scores, image, 0.5),
            "iou_p2": quantile_interval(scores, image, LOW),
            **{key: mean_interval(scores >= share, image) for key, share in SHARES.items()},
        },
        "edge_error_px": _numbers(error.abs().nanmean(0)),
        "edge_bias_px": _numbers(error.nanmean(0)),
        "edge_error_percent": _numbers(100 * (error / side).abs().nanmean(0)),
    }


def iou_spread(matches: Matches) -> dict[str, float]:
    """``iou_median``, ``iou_p2`` and the shares, without intervals."""
    scores = matches.iou.double()
    return {
        "iou_median": float(scores.quantile(0.5)),
        "iou_p2": float(scores.quantile(LOW)),
        **{key: float((scores >= share).double().mean()) for key, share in SHARES.items()},
    }


def _numbers(edges: Tensor) -> list[float | None]:
    return [None if math.isnan(edge) else edge for edge in edges.tolist()]
