"""Metrics as tables and lines of text, for several commands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

FORMATS = {
    "mean IoU": "{iou_mean:.3f}",
    "95 %": "{iou_mean_95[0]:.3f} to {iou_mean_95[1]:.3f}",
    "median": "{iou_median:.3f}",
    "2nd percentile": "{iou_p2:.3f}",
    "IoU >= 0.75": "{iou_at_75:.0%}",
    "AP": "{ap:.3f}",
    "constant box": "{constant_box_iou:.3f}",
}
COLUMNS = ("", "images", *FORMATS)


def score_rows(name: str, images: str, metrics: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """Rows for `COLUMNS`: for all boxes, then for each label and source if there are several."""
    yield score_row(name, images, metrics)
    for kind in ("labels", "sources"):
        for part, scores in metrics.get(kind, {}).items():
            yield score_row(part or "(no name)", "", scores)


def score_row(name: str, images: str, scores: dict[str, Any]) -> tuple[str, ...]:
    """One row for `COLUMNS`."""
    return (name, images, *(form.format_map(scores) for form in FORMATS.values()))


def above_constant_box(scores: dict[str, Any]) -> str:
    """The mean IoU, and its difference from the constant box's."""
    low, high = scores["above_constant_box_95"]
    difference = f"{scores['above_constant_box']:+.3f} (95 % {low:+.3f} to {high:+.3f})"
    return f"mean IoU {scores['iou_mean']:.3f}, {difference} from the constant box"


def more_lines(metrics: dict[str, Any]) -> Iterator[str]:
    """Lines about the cardiothoracic ratio and about coverage, if they were measured."""
    if "ratio" in metrics:
        yield _ratio_line(metrics["ratio"])
    coverage = metrics.get("coverage")
    if coverage is None:
        return
    for label, scores in coverage["labels"].items():
        area = f"outer boxes of {scores['outer_area_mean']:.2f} times the area"
        yield f"{_covered(coverage['level'], label, scores)}, {area}"
    if "ratio" in coverage:
        width = f"intervals {coverage['ratio']['width_mean']:.3f} wide"
        yield f"{_covered(coverage['level'], 'ratio', coverage['ratio'])}, {width}"


def _ratio_line(ratio: dict[str, Any]) -> str:
    low, high = ratio["mae_95"]
    parts = [f"mean error {ratio['mae']:.4f} (95 % {low:.4f} to {high:.4f})"]
    if ratio["constant_box_mae"] is not None:
        parts.append(f"the constant box {ratio['constant_box_mae']:.4f}")
    parts.append(f"bias {ratio['bias']:+.4f}")
    if ratio["limits"] is not None:
        parts.append("limits of agreement {:+.3f} to {:+.3f}".format(*ratio["limits"]))
    if ratio["r"] is not None:
        parts.append(f"r {ratio['r']:.3f}")
    return f"cardiothoracic ratio of {ratio['n']} images: {', '.join(parts)}"


def _covered(level: float, name: str, scores: dict[str, Any]) -> str:
    low, high = scores["coverage_95"]
    share = f"{scores['coverage']:.1%} (95 % {low:.1%} to {high:.1%})"
    return f"calibrated to {level:.0%}, {name}: holds the truth in {share}"
