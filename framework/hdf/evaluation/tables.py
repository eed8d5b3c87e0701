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
from hdf.evaluation.comparison import Comparison, Found
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
    spread = torch.full_like(found.boxes, torch.nan) if found.spread is None else found.spread
    numbers = torch.cat([found.scores[:, None], found.boxes, spread], 1)
    for row, box, label in zip(numbers, found.boxes, found.labels.tolist(), strict=True):
        truth = torch.full((5,), torch.nan)
        same = [index for index, name in enumerate(target.labels) if name == labels[label]]
        if same:
            overlap, nearest = iou(box, target.boxes[same]).max(0)
            truth = torch.cat([target.boxes[same][nearest], overlap[None]])
        yield [labels[label], *_cells(row), *_cells(truth)]


def write_matches(path: Path, comparison: Comparison) -> None:
    """One row for each true box; with the predictions, all that `read_comparison` needs."""
    matches, constant = comparison.matches, comparison.constant
    scores = torch.stack([matches.iou, constant.iou], 1)
    errors = [matches.true, matches.edge_error, matches.spread, constant.edge_error]
    numbers = torch.cat([scores, *errors], 1)
    rows = [
        [comparison.images[image], comparison.sources[image], label, *_cells(row)]
        for image, label, row in zip(matches.image.tolist(), matches.label, numbers, strict=True)
    ]
    write_table(path, MATCH_COLUMNS, rows)


def _cells(row: Tensor) -> list[str]:
    """Numbers to nine digits, which tell any two float32 apart; an empty cell for NaN."""
    return ["" if math.isnan(value) else f"{value:.9g}" for value in row.tolist()]


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

    def start(rows: list[Row]) -> tuple[Tensor, list[str]]:
        images = torch.tensor([position[row["image"]] for row in rows], dtype=torch.int64)
        return images, [row["label"] for row in rows]

    try:
        true = _numbers(matches, TRUE)
        iou, constant_iou = _numbers(matches, ("iou", "constant_iou")).unbind(1)
        errors, spread = _numbers(matches, ERRORS), _numbers(matches, SPREADS)
        constant, none = _numbers(matches, CONSTANT), torch.full_like(true, torch.nan)
        scores = _numbers(predictions, ("score",))[:, 0]
        return Comparison(
            list(sources),
            list(sources.values()),
            Matches(*start(matches), true, iou, errors, spread),
            Matches(*start(matches), true, constant_iou, constant, none),
            Found(*start(predictions), scores, _numbers(predictions, EDGES)),
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


def _numbers(rows: list[Row], columns: tuple[str, ...]) -> Tensor:
    """Float32 [rows, columns]; NaN for an empty cell."""
    cells = [row[column] for row in rows for column in columns]
    values = [decimal(cell) if cell else math.nan for cell in cells]
    return torch.tensor(values, dtype=torch.float32).view(-1, len(columns))
