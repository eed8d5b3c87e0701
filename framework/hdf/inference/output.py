"""Writing predictions as CSV or JSON."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

from hdf.console import NOTICE
from hdf.files import utf8_name
from hdf.inference.answer import Answer
from hdf.inference.files import FileResult

EDGES = ("x0", "y0", "x1", "y1")
COLUMNS = (
    *("image", "label", "score", *EDGES),
    *(f"{kind}_{edge}" for kind in ("spread", "outer", "inner") for edge in EDGES),
    *("ctr", "ctr_low", "ctr_high", "heart_width_mm", "spacing_at", "view", "doubt", "warning"),
    *("overlay", "error"),
)


def as_csv(results: Sequence[FileResult], overlays: Mapping[Path, Path]) -> str:
    """One row a box; an image without any, or an unreadable file, has a row without a label."""
    text = StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for item in results:
        writer.writerows(_rows(item, overlays))
    return text.getvalue()


def _rows(item: FileResult, overlays: Mapping[Path, Path]) -> Iterator[dict[str, Any]]:
    image = utf8_name(item.path)
    if item.answer is None:
        yield {"image": image, "error": item.reason}
        return
    about = _of_image(item, item.answer, overlays)
    about["warning"] = "; ".join(about["warning"])
    for box in _of_boxes(item.answer) or [{}]:
        yield {**box, **about}


def as_json(
    results: Sequence[FileResult],
    overlays: Mapping[Path, Path],
    models: Sequence[str],
    coverage: float | None,
) -> dict[str, Any]:
    """The same as one object; what has no value is null, such as `coverage` without intervals."""
    return {
        "note": NOTICE,
        "models": list(map(utf8_name, models)),
        "coverage": coverage,
        "images": [
            {**_of_image(item, item.answer, overlays), "boxes": _of_boxes(item.answer)}
            for item in results
            if item.answer is not None
        ],
        "failed": [
            {"image": utf8_name(item.path), "reason": item.reason}
            for item in results
            if item.answer is None
        ],
    }


def _of_image(item: FileResult, answer: Answer, overlays: Mapping[Path, Path]) -> dict[str, Any]:
    low, high = answer.ratio_interval or (None, None)
    width, overlay = answer.width, overlays.get(item.path)
    return {
        "image": utf8_name(item.path),
        "ctr": _rounded(answer.ratio, 4),
        "ctr_low": _rounded(low, 4),
        "ctr_high": _rounded(high, 4),
        "heart_width_mm": None if width is None else _rounded(width.mm, 2),
        "spacing_at": None if width is None else width.measured_at,
        "view": answer.facts.view or None,
        "doubt": _rounded(answer.prediction.doubt, 4),
        "warning": answer.warnings,
        "overlay": None if overlay is None else utf8_name(overlay),
    }


def _of_boxes(answer: Answer) -> list[dict[str, Any]]:
    found = answer.prediction
    kinds = {
        "": found.boxes,
        "spread_": found.spreads,
        "outer_": answer.outer,
        "inner_": answer.inner,
    }
    rows = []
    for label, score in found.scores.items():
        row: dict[str, Any] = {"label": label, "score": _rounded(score, 4)}
        for prefix, boxes in kinds.items():
            values = boxes[label].tolist() if label in boxes else [None] * 4
            row |= {
                f"{prefix}{edge}": _rounded(v, 2) for edge, v in zip(EDGES, values, strict=True)
            }
        rows.append(row)
    return rows


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None or not math.isfinite(value) else round(value, digits)


def is_answers(path: Path) -> bool:
    """Whether a file is a table of ``hdf predict``."""
    beginnings = (",".join(COLUMNS[:6]), json.dumps({"note": NOTICE}, indent=2)[:-2])
    try:
        with path.open(encoding="utf-8") as file:
            return file.read(200).startswith(beginnings)
    except (OSError, ValueError):
        return False
