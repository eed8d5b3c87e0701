"""The few figures that a report opens with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Headline:
    """A figure in large letters.

    Attributes:
        name: what it is.
        value: the figure.
        interval: its 95 % interval; empty where there is none.
        beside: what the constant box reaches, or what it means.
    """

    name: str
    value: str
    interval: str = ""
    beside: str = ""


def headlines(metrics: Mapping[str, Any]) -> Iterator[Headline]:
    """The figures of ``metrics.val`` in a ``summary.json``."""
    intervals = metrics["interval_95"]
    yield Headline(
        "mean IoU",
        f"{metrics['iou_mean']:.3f}",
        _interval(metrics["iou_mean_95"], ".3f"),
        f"constant box {metrics['constant_box_iou']:.3f}",
    )
    yield Headline(
        "above the constant box",
        f"{metrics['above_constant_box']:+.3f}",
        _interval(metrics["above_constant_box_95"], "+.3f"),
        "on the same images",
    )
    for key, name, form in (
        ("iou_median", "median IoU", ".3f"),
        ("iou_p2", "2nd percentile of IoU", ".3f"),
        ("iou_at_75", "IoU of at least 0.75", ".0%"),
    ):
        fixed = f"constant box {metrics[f'constant_box_{key}']:{form}}"
        yield Headline(name, f"{metrics[key]:{form}}", _interval(intervals[key], form), fixed)
    yield Headline("average precision", f"{metrics['ap']:.3f}", "", "COCO, IoU 0.5 to 0.95")
    if "ratio" in metrics:
        yield _ratio(metrics["ratio"])
    if "coverage" in metrics:
        yield from _coverage(metrics["coverage"])


def _ratio(ratio: Mapping[str, Any]) -> Headline:
    fixed = ratio["constant_box_mae"]
    beside = "" if fixed is None else f"constant box {fixed:.4f}"
    interval = _interval(ratio["mae_95"], ".4f")
    return Headline("error of the cardiothoracic ratio", f"{ratio['mae']:.4f}", interval, beside)


def _coverage(coverage: Mapping[str, Any]) -> Iterator[Headline]:
    label, item = next(iter(coverage["labels"].items()))
    name = f"calibrated {label.replace('_', ' ')} boxes that hold the truth"
    promised = f"promised {coverage['level']:.0%}"
    yield Headline(name, f"{item['coverage']:.1%}", _interval(item["coverage_95"], ".1%"), promised)


def _interval(ends: tuple[float, float], form: str) -> str:
    low, high = ends
    return f"{low:{form}} to {high:{form}}"
