"""``matches.csv`` and ``predictions.csv``, from which all metrics can be computed again."""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from pathlib import Path

import torch
from torch import Tensor

from hdf.boxes import iou
from hdf.errors import user_error
from hdf.evaluation.comparison import Comparison, Found
from hdf.evaluation.metrics import Matches
from hdf.files.atomic import decimal, write_table
from hdf.runs.run_folder import MATCHES, PREDICTIONS

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


def write_answers(folder: Path, comparison: Comparison) -> None:
    """Write ``matches.csv``, a row for each true box, and ``predictions.csv``, one for each
    detection beside the nearest true box; in original pixels.
    """
    matches, constant, found = comparison.matches, comparison.constant, comparison.found
    scores = torch.stack([matches.iou, constant.iou], 1)
    errors = [matches.true, matches.edge_error, matches.spread, constant.edge_error]
    _write(folder / MATCHES, MATCH_COLUMNS, comparison, matches, [scores, *errors])
    numbers = [found.score[:, None], found.box, found.spread, _nearest(found, matches)]
    _write(folder / PREDICTIONS, PREDICTION_COLUMNS, comparison, found, numbers)


def _nearest(found: Found, matches: Matches) -> Tensor:
    """The true box that overlaps each detection most, and their IoU, [K, 5]; NaN without one."""
    places = defaultdict(list)
    for row, place in enumerate(zip(matches.image.tolist(), matches.label, strict=True)):
        places[place].append(row)
    nearest = torch.full((len(found.label), 5), torch.nan)
    for row, place in enumerate(zip(found.image.tolist(), found.label, strict=True)):
        if same := places.get(place):
            overlap, best = iou(found.box[row], matches.true[same]).max(0)
            nearest[row] = torch.cat([matches.true[same][best], overlap[None]])
    return nearest


def _write(
    path: Path,
    columns: tuple[str, ...],
    comparison: Comparison,
    boxes: Matches | Found,
    numbers: list[Tensor],
) -> None:
    named = zip(boxes.image.tolist(), boxes.label, torch.cat(numbers, 1), strict=True)
    rows = [
        [comparison.images[image], comparison.sources[image], label, *_cells(row)]
        for image, label, row in named
    ]
    write_table(path, columns, rows)


def _cells(row: Tensor) -> list[str]:
    """Numbers to nine digits, which tell any two float32 apart; an empty cell for NaN."""
    return ["" if math.isnan(value) else f"{value:.9g}" for value in row.tolist()]


def read_comparison(folder: Path) -> Comparison:
    """What `write_answers` wrote, to the last bit, for one fold or all.

    Images with neither a true box nor a detection are missing.

    Raises:
        UserError: a file can't be read.
    """
    matches = _read(folder / MATCHES, MATCH_COLUMNS)
    predictions = _read(folder / PREDICTIONS, PREDICTION_COLUMNS)
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
        boxes, spreads = _numbers(predictions, EDGES), _numbers(predictions, SPREADS)
        return Comparison(
            list(sources),
            list(sources.values()),
            Matches(*start(matches), true, iou, errors, spread),
            Matches(*start(matches), true, constant_iou, constant, none),
            Found(*start(predictions), scores, boxes, spreads),
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
