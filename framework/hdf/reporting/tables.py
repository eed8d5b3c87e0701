"""The CSV files of a run folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hdf.boxes import iou
from hdf.data.split import Split
from hdf.files import write_table
from hdf.types import Detections, Sample, Target

EDGES = ("x0", "y0", "x1", "y1")
PREDICTION_COLUMNS = ("image", "label", "score", *EDGES, *(f"true_{edge}" for edge in EDGES), "iou")


def write_split(path: Path, samples: Sequence[Sample], split: Split) -> None:
    """One row a sample: ``image,group,source,split``."""
    sides = split.sides(len(samples))
    rows = [
        (sample.id, sample.group, sample.source, side)
        for sample, side in zip(samples, sides, strict=True)
    ]
    write_table(path, ("image", "group", "source", "split"), rows)


def write_skipped(path: Path, skipped: Sequence[tuple[str, str]]) -> None:
    """One row a sample that was left out: ``image,reason``."""
    write_table(path, ("image", "reason"), skipped)


def write_predictions(
    path: Path,
    samples: Sequence[Sample],
    targets: Sequence[Target],
    detections: Sequence[Detections],
    labels: tuple[str, ...],
) -> None:
    """One row a predicted box, in the original image's pixel edges, beside the nearest true one."""
    rows = [
        row
        for sample, target, found in zip(samples, targets, detections, strict=True)
        for row in _prediction_rows(sample, target, found, labels)
    ]
    write_table(path, PREDICTION_COLUMNS, rows)


def _prediction_rows(
    sample: Sample, target: Target, found: Detections, labels: tuple[str, ...]
) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for box, number, score in zip(found.boxes, found.labels, found.scores, strict=True):
        label = labels[int(number)]
        edges = [f"{edge:.2f}" for edge in box.tolist()]
        truth: list[str] = ["", "", "", "", ""]
        same = [index for index, name in enumerate(target.labels) if name == label]
        if same:
            overlap = iou(box, target.boxes[same])
            true = target.boxes[same][overlap.argmax()]
            truth = [*(f"{edge:.2f}" for edge in true.tolist()), f"{float(overlap.max()):.4f}"]
        rows.append((sample.id, label, f"{float(score):.4f}", *edges, *truth))
    return rows
