"""``matches.csv`` and ``predictions.csv``, from which all metrics can be computed again."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor

from hdf.boxes import iou
from hdf.errors import user_error
from hdf.evaluation.average_precision import Found
from hdf.evaluation.comparison import Comparison
from hdf.evaluation.metrics import Matches
from hdf.files.atomic import decimal, write_table
from hdf.types import Detections, Sample, Target

EDGES = ("x0", "y0", "x1", "y1")
TRUE, ERRORS, SPREADS, CONSTANT = (
    tuple(f"{what}_{edge}" for edge in EDGES)
    for what in ("true", "error", "spread", "constant_error")
)
MATCH_COLUMNS = (
    *("image", "source", "label", "iou", "constant_iou"),
    *(*TRUE, *ERRORS, *SPREADS, *CONSTANT),
)
PREDICTION_COLUMNS = ("image", "source", "label", "score", *EDGES, *SPREADS, *TRUE, "iou")
Row = dict[str, str]


def write_predictions(
    path: Path,
    samples: Sequence[Sample],
    targets: Sequence[Target],
    detections: Sequence[Detections],
    labels: tuple[str, ...],
) -> None:
    """One row for each predicted box, in original pixels, beside the nearest true box."""
    rows = [
        [sample.id, sample.source, *row]
        for sample, target, found in zip(samples, targets, detections, strict=True)
        for row in _prediction_rows(target, found, labels)
    ]
    write_table(path, PREDICTION_COLUMNS, rows)


def _prediction_rows(
    target: Target, found: Detections, labels: tuple[str, ...]
) -> Iterator[list[str]]:
    for index, (box, number) in enumerate(zip(found.boxes, found.labels.tolist(), strict=True)):
        spread = [""] * 4 if found.spread is None else _cells(found.spread[index])
        truth = [""] * 5
        same = [index for index, name in enumerate(target.labels) if name == labels[number]]
        if same:
            overlap = iou(box, target.boxes[same])
            true = target.boxes[same][overlap.argmax()]
            truth = [*_cells(true), _exact(overlap.max())]
        yield [labels[number], _exact(found.scores[index]), *_cells(box), *spread, *truth]


def write_matches(path: Path, comparison: Comparison) -> None:
    """One row for each true box; with the predictions, all that `read_comparison` needs."""
    write_table(path, MATCH_COLUMNS, _match_rows(comparison))


def _match_rows(comparison: Comparison) -> Iterator[list[str]]:
    matches, constant = comparison.matches, comparison.constant
    for row, (image, label) in enumerate(zip(matches.image.tolist(), matches.label, strict=True)):
        yield [
            comparison.images[image],
            comparison.sources[image],
            label,
            _exact(matches.iou[row]),
            _exact(constant.iou[row]),
            *_cells(matches.true[row]),
            *_cells(matches.edge_error[row]),
            *_cells(matches.spread[row]),
            *_cells(constant.edge_error[row]),
        ]


def _cells(edges: Tensor) -> list[str]:
    return ["" if edge.isnan() else _exact(edge) for edge in edges]


def _exact(value: Tensor) -> str:
    return f"{float(value):.9g}"  # nine digits tell any two float32 apart


def read_comparison(folder: Path) -> Comparison:
    """What `write_matches` and `write_predictions` wrote, to the last bit, for one fold or all.

    Images with neither a true box nor a detection are missing.

    Raises:
        UserError: a file can't be read.
    """
    matches = _read(folder / "matches.csv", MATCH_COLUMNS)
    predictions = _read(folder / "predictions.csv", PREDICTION_COLUMNS)
    sources = {row["image"]: row["source"] for row in (*matches, *predictions)}
    position = {image: index for index, image in enumerate(sources)}
    try:
        return Comparison(
            list(sources),
            list(sources.values()),
            _matches(matches, position, "iou", ERRORS, SPREADS),
            _matches(matches, position, "constant_iou", CONSTANT, ()),
            Found(
                _images(predictions, position),
                [row["label"] for row in predictions],
                _numbers(predictions, ("score",))[:, 0],
                _numbers(predictions, EDGES),
            ),
        )
    except (ValueError, TypeError) as error:
        message = f"can't be read: a cell of matches.csv or predictions.csv is no number: {error}"
        raise user_error(message, str(folder)) from error


def _read(path: Path, columns: tuple[str, ...]) -> list[Row]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            rows, names = list(reader), tuple(reader.fieldnames or ())
    except (OSError, ValueError, csv.Error) as error:
        raise user_error(f"can't be read: {type(error).__name__}: {error}", str(path)) from error
    if names not in (columns, ("fold", *columns)):
        message = (
            f"can't be read: its columns are not {', '.join(columns)}; "
            "what an earlier version of hdf wrote has to be run again"
        )
        raise user_error(message, str(path))
    for number, row in enumerate(rows, 2):
        if len(row) != len(names) or None in row.values():
            message = f"can't be read: expected {len(names)} cells"
            raise user_error(message, f"{path}:{number}")
    return rows


def _matches(
    rows: list[Row],
    position: dict[str, int],
    score: str,
    errors: tuple[str, ...],
    spreads: tuple[str, ...],
) -> Matches:
    true = _numbers(rows, TRUE)
    return Matches(
        _images(rows, position),
        [row["label"] for row in rows],
        true,
        _numbers(rows, (score,))[:, 0],
        _numbers(rows, errors),
        _numbers(rows, spreads) if spreads else torch.full_like(true, torch.nan),
    )


def _images(rows: list[Row], position: dict[str, int]) -> Tensor:
    return torch.tensor([position[row["image"]] for row in rows], dtype=torch.int64)


def _numbers(rows: list[Row], columns: tuple[str, ...]) -> Tensor:
    """Float32 [rows, columns]; NaN for an empty cell."""
    values = [[_number(row[column]) for column in columns] for row in rows]
    return torch.tensor(values, dtype=torch.float32).view(-1, len(columns))


def _number(cell: str) -> float:
    return decimal(cell) if cell else math.nan
