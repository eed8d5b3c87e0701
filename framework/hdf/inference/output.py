"""Writing predictions as CSV or JSON."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

from torch import Tensor

from hdf.console import NOTICE
from hdf.files.atomic import write_json, write_text
from hdf.inference.answer import Answer
from hdf.inference.files import FileResult

EDGES = ("x0", "y0", "x1", "y1")
COLUMNS = (
    *("image", "label", "score", *EDGES),
    *(f"{kind}_{edge}" for kind in ("spread", "outer", "inner") for edge in EDGES),
    *("ctr", "ctr_low", "ctr_high", "heart_width_mm", "spacing_at", "view", "doubt", "warning"),
)


def as_csv(told: Iterable[FileResult]) -> str:
    """One row a box; for an image without any, one with an empty label; none for a failed file."""
    text = StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for item in told:
        if item.answer is not None:
            writer.writerows(_rows(str(item.path), item.answer))
    return text.getvalue()


def _rows(image: str, answer: Answer) -> Iterator[dict[str, Any]]:
    about = _of_image(answer)
    about["warning"] = "; ".join(about["warning"])
    for box in _of_boxes(answer) or [{}]:
        yield {"image": image, **box, **about}


def as_json(
    told: Iterable[FileResult], models: Sequence[str], coverage: float | None
) -> dict[str, Any]:
    """The same as one object; what has no value is null.

    Args:
        models: their names, as the user gave them.
        coverage: of the intervals; None without intervals.
    """
    told = list(told)
    return {
        "note": NOTICE,
        "models": list(models),
        "coverage": coverage,
        "images": [
            {"image": str(item.path), **_of_image(item.answer), "boxes": _of_boxes(item.answer)}
            for item in told
            if item.answer is not None
        ],
        "failed": [
            {"image": str(item.path), "reason": item.reason} for item in told if item.answer is None
        ],
    }


def _of_image(answer: Answer) -> dict[str, Any]:
    low, high = answer.ratio_interval or (None, None)
    width, doubt = answer.width, answer.prediction.doubt
    return {
        "ctr": _rounded(answer.ratio, 4),
        "ctr_low": _rounded(low, 4),
        "ctr_high": _rounded(high, 4),
        "heart_width_mm": None if width is None else _rounded(width.mm, 2),
        "spacing_at": None if width is None else width.measured_at,
        "view": answer.facts.view or None,
        "doubt": _rounded(doubt, 4),
        "warning": answer.warnings,
    }


def _of_boxes(answer: Answer) -> list[dict[str, Any]]:
    found = answer.prediction
    return [
        {
            "label": label,
            "score": _rounded(found.scores[label], 4),
            **_edges("", box),
            **_edges("spread_", found.spreads.get(label)),
            **_edges("outer_", answer.outer.get(label)),
            **_edges("inner_", answer.inner.get(label)),
        }
        for label, box in found.boxes.items()
    ]


def _edges(prefix: str, box: Tensor | None) -> dict[str, float | None]:
    values = [None] * 4 if box is None else [_rounded(value, 2) for value in box.tolist()]
    return {f"{prefix}{edge}": value for edge, value in zip(EDGES, values, strict=True)}


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None or not math.isfinite(value) else round(value, digits)


def write_answers(
    path: Path, told: Sequence[FileResult], models: Sequence[str], coverage: float | None
) -> None:
    """Write ``.json`` or, with any other suffix, CSV."""
    if path.suffix.lower() == ".json":
        write_json(path, as_json(told, models, coverage))
    else:
        write_text(path, as_csv(told))


def is_answers(path: Path) -> bool:
    """Whether a file was made by `write_answers`."""
    beginnings = (",".join(COLUMNS[:6]), json.dumps({"note": NOTICE}, indent=2)[:-2])
    try:
        with path.open(encoding="utf-8") as file:
            begin = file.read(200)
    except (OSError, ValueError):
        return False
    return begin.startswith(beginnings)
