"""The parts of a report: its headline figures, and the sections with charts and tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hdf.console.scores import COLUMNS, score_row
from hdf.report import figures
from hdf.report.charts import Chart
from hdf.report.figures import spoken
from hdf.report.finished import Finished

MOST_ROWS = 40
"""The largest number of rows in the table of scores."""


@dataclass(frozen=True)
class Headline:
    """A figure in large type at the top of the report.

    Attributes:
        name: what it is.
        value: the figure.
        interval: its 95 % interval; empty if there is none.
        beside: the constant box's figure, or what the figure means.
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
        _range(metrics["iou_mean_95"], ".3f"),
        f"constant box {metrics['constant_box_iou']:.3f}",
    )
    yield Headline(
        "above the constant box",
        f"{metrics['above_constant_box']:+.3f}",
        _range(metrics["above_constant_box_95"], "+.3f"),
        "on the same images",
    )
    for key, name, form in (
        ("iou_median", "median IoU", ".3f"),
        ("iou_p2", "2nd percentile of IoU", ".3f"),
        ("iou_at_75", "IoU of at least 0.75", ".0%"),
    ):
        fixed = f"constant box {metrics[f'constant_box_{key}']:{form}}"
        yield Headline(name, f"{metrics[key]:{form}}", _range(intervals[key], form), fixed)
    yield Headline("average precision", f"{metrics['ap']:.3f}", "", "COCO, IoU 0.5 to 0.95")
    if "ratio" in metrics:
        yield _ratio_headline(metrics["ratio"])
    if "coverage" in metrics:
        yield from _coverage_headline(metrics["coverage"])


def _ratio_headline(ratio: Mapping[str, Any]) -> Headline:
    fixed = ratio["constant_box_mae"]
    beside = "" if fixed is None else f"constant box {fixed:.4f}"
    interval = _range(ratio["mae_95"], ".4f")
    return Headline("error of the cardiothoracic ratio", f"{ratio['mae']:.4f}", interval, beside)


def _coverage_headline(coverage: Mapping[str, Any]) -> Iterator[Headline]:
    label, item = next(iter(coverage["labels"].items()))
    name = f"calibrated {label.replace('_', ' ')} boxes that hold the truth"
    promised = f"promised {coverage['level']:.0%}"
    yield Headline(name, f"{item['coverage']:.1%}", _range(item["coverage_95"], ".1%"), promised)


@dataclass(frozen=True)
class Doubt:
    """Something that makes the figures worthless, and why it may have happened."""

    what: str
    causes: list[str]


def doubts(summary: Mapping[str, Any]) -> Iterator[Doubt]:
    """The run, or the folds, in which the model answers nearly the same box for every image."""
    for part in (summary, *summary.get("folds", [])):
        if found := part.get("constant_answers"):
            where = f"Fold {part['fold']}: the" if "fold" in part else "The"
            labels = ", ".join(
                f"{spoken(label)} ({spread:.0%} of the true spread)"
                for label, spread in found["spread"].items()
            )
            yield Doubt(f"{where} same box is answered for every image: {labels}.", found["causes"])


@dataclass(frozen=True)
class Section:
    """A part of the report with charts and a table of the same.

    Attributes:
        id: the anchor.
        columns: of the table.
        rows: cells of the table.
    """

    id: str
    title: str
    text: str
    charts: list[Chart]
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


def sections(finished: Finished) -> Iterator[Section]:
    """The sections for which there are metrics."""
    metrics, comparison = finished.metrics, finished.comparison
    yield _scores(finished)
    yield Section(
        "iou",
        "Distribution of the IoU",
        "One value for each true box; 0 where nothing was found.",
        list(figures.iou_distributions(comparison)),
    )
    yield _edges(finished)
    if "ratio" in metrics:
        yield _ratio(finished)
    if "coverage" in metrics:
        yield _coverage(metrics["coverage"])
    curves = list(figures.learning(finished.histories(), bool(finished.recipe.get("augment"))))
    if curves:
        text = "The validation images choose nothing; they are measured after each epoch."
        yield Section("learning", "Learning curves", text, curves)


def _scores(finished: Finished) -> Section:
    """Scores of all boxes, and of each label, source and fold."""
    metrics = finished.metrics
    every = f"{finished.summary['dataset']['val']}"
    rows = [("all", every, metrics)]
    for kind in ("labels", "sources"):
        rows += [(spoken(name), "", item) for name, item in metrics.get(kind, {}).items()]
    for fold in finished.summary.get("folds", []):
        rows.append((f"fold {fold['fold']}", str(fold["dataset"]["val"]), fold["metrics"]["val"]))
    shown = rows[:MOST_ROWS]
    table = tuple(score_row(name, images, item) for name, images, item in shown)
    left_out = f" {len(rows) - len(shown)} more are left out." if len(rows) > len(shown) else ""
    text = "The constant box always answers with the mean training box of each label."
    if "constant_box" in finished.summary:
        text = f"The constant box is the {finished.summary['constant_box']}, for each label."
    chart = figures.scores([(name, item) for name, _, item in shown])
    return Section("scores", "Scores", text + left_out, [chart], COLUMNS, table)


def _edges(finished: Finished) -> Section:
    labels = finished.comparison.matches.label
    parts = finished.metrics.get("labels") or dict.fromkeys(labels, finished.metrics)
    rows = tuple(
        (
            spoken(label),
            name,
            _number(item["edge_error_px"][edge], ".1f"),
            _number(item["edge_bias_px"][edge], "+.1f"),
            _number(item["edge_error_percent"][edge], ".1f"),
        )
        for label, item in parts.items()
        for edge, name in enumerate(figures.EDGES)
    )
    text = (
        "Of the boxes that were found, in pixels of the original images: mean |predicted − true|, "
        "mean predicted − true, and the first in per cent of the true width or height."
    )
    columns = ("", "edge", "error, px", "bias, px", "error, %")
    charts = list(figures.edge_errors(finished.comparison))
    return Section("edges", "Error of each edge", text, charts, columns, rows)


def _number(value: float | None, form: str) -> str:
    return "" if value is None else f"{value:{form}}"


def _ratio(finished: Finished) -> Section:
    ratio = finished.metrics["ratio"]
    known = {
        "images with both ratios": str(ratio["n"]),
        "a box was missed in": str(ratio["missed"]),
        "mean absolute difference": _with_interval(ratio["mae"], ratio["mae_95"], ".4f"),
        "the constant box's": _number(ratio["constant_box_mae"], ".4f"),
        "bias": _number(ratio["bias"], "+.4f"),
        "limits of agreement": _range(ratio["limits"], "+.4f"),
        "coefficient of variation": _with_interval(ratio["cv"], ratio["cv_95"], ".1%"),
        "correlation": _number(ratio["r"], ".3f"),
    }
    text = (
        "The width of the heart over that of both lungs, of predicted against true boxes (Bland "
        "and Altman 1986)."
    )
    charts = [figures.agreement(finished.comparison, ratio)]
    rows = tuple((name, value) for name, value in known.items() if value)
    return Section("ratio", "Cardiothoracic ratio", text, charts, ("", "value"), rows)


def _with_interval(value: float | None, ends: list[float] | None, form: str) -> str:
    return "" if value is None else f"{value:{form}} ({_range(ends, form)})"


def _range(ends: Sequence[float] | None, form: str) -> str:
    return "" if ends is None else f"{ends[0]:{form}} to {ends[1]:{form}}"


def _coverage(coverage: Mapping[str, Any]) -> Section:
    """Boxes of each label, then the ratio's intervals."""
    level, parts = coverage["level"], coverage["labels"]
    rows = [(spoken(name), item) for name, item in parts.items()]
    table = [
        (*_covered(name, item), f"{item['outer_area_mean']:.2f} times the true area")
        for name, item in rows
    ]
    if "ratio" in coverage:
        ratio = coverage["ratio"]
        rows.append(("ratio", ratio))
        table.append((*_covered("ratio", ratio), f"intervals {ratio['width_mean']:.3f} wide"))
    text = (
        f"Calibrated boxes promise that all four true edges lie within their margins in {level:.0%}"
        " of images of the kind that they were calibrated on."
    )
    columns = ("", "n", "holds the truth", "95 %", "at the price of")
    charts = [figures.coverage(rows, level)]
    return Section("coverage", "Calibration", text, charts, columns, tuple(table))


def _covered(name: str, item: Mapping[str, Any]) -> tuple[str, ...]:
    return name, str(item["n"]), f"{item['coverage']:.1%}", _range(item["coverage_95"], ".1%")
