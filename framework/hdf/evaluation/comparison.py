"""A detector and the constant box on the same true boxes: the metrics, and the table of them."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hdf.errors import user_error
from hdf.evaluation.metrics import Matches, box_metrics, mean_interval
from hdf.files import write_table

ERRORS = ("error_x0", "error_y0", "error_x1", "error_y1")
MATCH_COLUMNS = ("image", "source", "label", "iou", "constant_iou", *ERRORS)


@dataclass(frozen=True)
class Comparison:
    """Every true box with the IoU of the detector's and of the constant answer.

    Attributes:
        images: the id of each image.
        sources: the data set that each image came from.
        matches: the detector's, M true boxes; `Matches.image` is a position in `images`.
        constant: float32 [M], the IoU of the mean training box; 0 where its label was not trained.
    """

    images: list[str]
    sources: list[str]
    matches: Matches
    constant: Tensor

    @classmethod
    def joined(cls, parts: Sequence[Comparison]) -> Comparison:
        """Comparisons of different images, one after the other."""
        starts = [sum(len(part.images) for part in parts[:index]) for index in range(len(parts))]
        matches = [part.matches for part in parts]
        return cls(
            [image for part in parts for image in part.images],
            [source for part in parts for source in part.sources],
            Matches(
                torch.cat([m.image + start for m, start in zip(matches, starts, strict=True)]),
                [label for m in matches for label in m.label],
                torch.cat([m.iou for m in matches]),
                torch.cat([m.edge_error for m in matches]),
            ),
            torch.cat([part.constant for part in parts]),
        )

    def metrics(self, labels: Sequence[str]) -> dict[str, Any]:
        """The validation part of ``summary.json``, with parts where there is more than one.

        Args:
            labels: the recipe's ``data.labels``.
        """
        metrics = _metrics(self.matches, self.constant)
        if len(labels) > 1:
            metrics["labels"] = self._by(self.matches.label)
        sources = [self.sources[index] for index in self.matches.image.tolist()]
        if len(set(self.sources)) > 1:
            metrics["sources"] = self._by(sources)
        return metrics

    def _by(self, names: list[str]) -> dict[str, dict[str, Any]]:
        found = {}
        for name in dict.fromkeys(names):
            rows = torch.tensor([other == name for other in names])
            found[name] = _metrics(self.matches.part(rows), self.constant[rows])
        return found


def _metrics(matches: Matches, constant: Tensor) -> dict[str, Any]:
    """`box_metrics`, the constant box's mean IoU, and how far the detector is above it."""
    above = matches.iou.double() - constant.double()
    return {
        **box_metrics(matches),
        "constant_box_iou": float(constant.double().mean()),
        "above_constant_box": float(above.mean()),
        "above_constant_box_95": mean_interval(above, matches.image),
    }


def write_matches(path: Path, comparison: Comparison) -> None:
    """One row a true box; from it `read_matches` gives the same figures to the last bit."""
    write_table(path, MATCH_COLUMNS, _rows(comparison))


def _rows(comparison: Comparison) -> Iterator[list[str]]:
    matches = comparison.matches
    for row, (image, label) in enumerate(zip(matches.image.tolist(), matches.label, strict=True)):
        error = matches.edge_error[row]
        yield [
            comparison.images[image],
            comparison.sources[image],
            label,
            _exact(matches.iou[row]),
            _exact(comparison.constant[row]),
            *("" if edge.isnan() else _exact(edge) for edge in error),
        ]


def _exact(value: Tensor) -> str:
    return f"{float(value):.9g}"  # nine digits tell any two float32 apart


def read_matches(path: Path) -> Comparison:
    """What `write_matches` wrote; images without a true box are not in it.

    Raises:
        UserError: it can't be read.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            rows = list(reader)
        if tuple(reader.fieldnames or ()) != MATCH_COLUMNS:
            raise ValueError(f"its columns are not {', '.join(MATCH_COLUMNS)}")
        sources = {row["image"]: row["source"] for row in rows}
        position = {image: index for index, image in enumerate(sources)}
        matches = Matches(
            torch.tensor([position[row["image"]] for row in rows]).long(),
            [row["label"] for row in rows],
            torch.tensor([float(row["iou"]) for row in rows]),
            torch.tensor([[float(row[e] or "nan") for e in ERRORS] for row in rows]).view(-1, 4),
        )
        constant = torch.tensor([float(row["constant_iou"]) for row in rows])
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise user_error(f"can't be read: {type(error).__name__}: {error}", str(path)) from error
    return Comparison(list(sources), list(sources.values()), matches, constant)
