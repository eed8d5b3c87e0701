"""Paired differences between the boxes of two detectors for the same true boxes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from hdf.errors import user_error
from hdf.evaluation.comparison import Comparison
from hdf.evaluation.metrics import Matches, mean_interval
from hdf.evaluation.ratio_metrics import ratios_of
from hdf.report.films import image_iou

Key = tuple[str, str, int]
METRICS = {"iou": "IoU", "edge_error_px": "edge error, px", "ratio_error": "ratio error"}
"""A larger IoU is better, and a smaller error."""

TOLERANCE = 0.01
"""Pixels by which the rounding of a table may move a true box."""


@dataclass(frozen=True)
class Paired:
    """Comparisons restricted to their common true boxes, in the same rows.

    Attributes:
        images: the ids of the common images; each comparison's `images` are these.
        labels: of the common boxes.
        parts: one for each run.
        left_out: how many more images each run has.
        moved: how many common true boxes differ from the first run's.
    """

    images: list[str]
    labels: list[str]
    parts: list[Comparison]
    left_out: list[int]
    moved: int


def pair(comparisons: Sequence[Comparison]) -> Paired:
    """Match true boxes by image, label and their order from left to right.

    Raises:
        UserError: no true box is in all of them, or only those of a single image.
    """
    rows = [_rows(item) for item in comparisons]
    common = [key for key in rows[0] if all(key in other for other in rows[1:])]
    if not common:
        raise user_error(_nothing_in_common(comparisons))
    images = list(dict.fromkeys(image for image, _, _ in common))
    if len(images) < 2:
        raise user_error("the runs have one validation image in common; an interval needs two")
    position = {image: index for index, image in enumerate(images)}
    at = torch.tensor([position[image] for image, _, _ in common])
    parts = [
        _cut(item, images, at, torch.tensor([own[key] for key in common]))
        for item, own in zip(comparisons, rows, strict=True)
    ]
    true = torch.stack([part.matches.true for part in parts])
    moved = ((true - true[0]).abs() > TOLERANCE).any(-1).any(0)
    counts = [len({image for image, _, _ in own}) - len(images) for own in rows]
    labels = list(dict.fromkeys(label for _, label, _ in common))
    return Paired(images, labels, parts, counts, int(moved.sum()))


def _rows(comparison: Comparison) -> dict[Key, int]:
    """The row of each true box, by image, label and number among the image's boxes of the label."""
    matches = comparison.matches
    order = matches.true[:, 0].argsort(stable=True).tolist()
    seen: dict[tuple[str, str], int] = defaultdict(int)
    found: dict[Key, int] = {}
    for row in order:
        name = (comparison.images[int(matches.image[row])], matches.label[row])
        found[(*name, seen[name])] = row
        seen[name] += 1
    return dict(sorted(found.items()))


def _nothing_in_common(comparisons: Sequence[Comparison]) -> str:
    images = set.intersection(*(set(item.images) for item in comparisons))
    if not images:
        return "the runs have no validation image in common; nothing can be compared"
    labels = "; ".join(", ".join(dict.fromkeys(item.matches.label)) for item in comparisons)
    return f"the runs have no true box in common; their labels are: {labels}"


def _cut(comparison: Comparison, images: list[str], at: Tensor, rows: Tensor) -> Comparison:
    sources = dict(zip(comparison.images, comparison.sources, strict=True))
    return Comparison(
        images,
        [sources[image] for image in images],
        replace(comparison.matches.part(rows), image=at),
        replace(comparison.constant.part(rows), image=at),
        comparison.found.part(rows[:0]),
    )


def compared(paired: Paired) -> Iterator[dict[str, Any]]:
    """For each run after the first, label and metric: both means, and the paired difference.

    Yields:
        ``run`` (its position), ``label`` (empty for all together), ``metric`` (of `METRICS`), ``n``
        boxes or images, ``reference``, ``value``, ``difference`` (run minus reference) and its 95 %
        bootstrap interval over images, ``difference_95``.
    """
    many = ["", *paired.labels] if len(paired.labels) > 1 else [""]
    for run in range(1, len(paired.parts)):
        for label in many:
            first, other = (
                part.matches.of_label(label) if label else part.matches
                for part in (paired.parts[0], paired.parts[run])
            )
            for metric in METRICS:
                scores = _difference(first, other, metric)
                if scores is not None:
                    yield {"run": run, "label": label, "metric": metric, **scores}


def _difference(first: Matches, other: Matches, metric: str) -> dict[str, Any] | None:
    """None where no image has the metric in both."""
    image, a, b = _values(first, other, metric)
    known = ~(a.isnan() | b.isnan())
    if not known.any():
        return None
    image, a, b = image[known], a[known], b[known]
    return {
        "n": len(a),
        "reference": float(a.mean()),
        "value": float(b.mean()),
        "difference": float((b - a).mean()),
        "difference_95": mean_interval(b - a, image),
    }


def _values(first: Matches, other: Matches, metric: str) -> tuple[Tensor, Tensor, Tensor]:
    """The images, and the metric of both, float64 [n]; NaN where one lacks it."""
    if metric == "iou":
        return first.image, first.iou.double(), other.iou.double()
    if metric == "edge_error_px":
        a, b = (item.edge_error.double().abs().mean(-1) for item in (first, other))
        return first.image, a, b
    ratios = [ratios_of(item) for item in (first, other)]
    a, b = ((item.found - item.true).abs() for item in ratios)
    return ratios[0].image, a, b


def changed(paired: Paired) -> list[tuple[int, list[float]]]:
    """Each image's position and its mean IoU in each run, the most changed image first.

    Images whose mean IoU is the same in all runs are left out.
    """
    scores = [image_iou(part) for part in paired.parts]
    rows = [(index, [item[index] for item in scores]) for index in range(len(paired.images))]
    rows = [row for row in rows if len(set(row[1])) > 1]
    return sorted(rows, key=lambda row: -max(abs(score - row[1][0]) for score in row[1]))
