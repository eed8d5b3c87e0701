"""The parts of a report: doubts, headline figures, and sections with charts and tables."""

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

Row = tuple[str, ...]


def doubts(summary: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """The run, or the folds, whose model answers nearly the same box everywhere, with causes."""
    for part in (summary, *summary.get("folds", [])):
        if found := part.get("constant_answers"):
            where = f"Fold {part['fold']}: the" if "fold" in part else "The"
            labels = ", ".join(
                f"{spoken(label)} ({spread:.0%} of the true spread)"
                for label, spread in found["spread"].items()
            )
            yield f"{where} same box is answered for every image: {labels}.", found["causes"]


@dataclass(frozen=True)
class Headline:
    """A figure in large type, its 95 % interval, and what it is to be compared with."""

    name: str
    value: str
    interval: str = ""
    beside: str = ""


def headlines(metrics: Mapping[str, Any]) -> Iterator[Headline]:
    """The figures of ``metrics.val`` in a ``summary.json``."""
    mean, fixed = f"{metrics['iou_mean']:.3f}", f"constant box {metrics['constant_box_iou']:.3f}"
    yield Headline("mean IoU", mean, _range(metrics["iou_mean_95"], ".3f"), fixed)
    gain = f"{metrics['above_constant_box']:+.3f}"
    interval = _range(metrics["above_constant_box_95"], "+.3f")
    yield Headline("above the constant box", gain, interval, "on the same images")
    for key, name, form in (
        ("iou_median", "median IoU", ".3f"),
        ("iou_p2", "2nd percentile of IoU", ".3f"),
        ("iou_at_75", "IoU of at least 0.75", ".0%"),
    ):
        interval = _range(metrics["interval_95"][key], form)
        fixed = f"constant box {metrics[f'constant_box_{key}']:{form}}"
        yield Headline(name, f"{metrics[key]:{form}}", interval, fixed)
    yield Headline("average precision", f"{metrics['ap']:.3f}", "", "COCO, IoU 0.5 to 0.95")
    if "ratio" in metrics:
        ratio, name = metrics["ratio"], "error of the cardiothoracic ratio"
        fixed = _number(ratio["constant_box_mae"], ".4f")
        beside = fixed and f"constant box {fixed}"
        yield Headline(name, f"{ratio['mae']:.4f}", _range(ratio["mae_95"], ".4f"), beside)
    if "coverage" in metrics:
        label, item = next(iter(metrics["coverage"]["labels"].items()))
        _, _, value, interval = _covered(label, item)
        name = f"calibrated {spoken(label)} boxes that hold the truth"
        yield Headline(name, value, interval, f"promised {metrics['coverage']['level']:.0%}")


@dataclass(frozen=True)
class Section:
    """A part of the report, whose anchor is `id`, with charts and a table of the same."""

    id: str
    title: str
    text: str
    charts: list[Chart]
    columns: Row = ()
    rows: tuple[Row, ...] = ()


def sections(finished: Finished) -> Iterator[Section]:
    """The sections for which there are metrics."""
    metrics, comparison = finished.metrics, finished.comparison
    yield _scores(finished)
    text = "One value for each true box; 0 where nothing was found."
    charts = list(figures.iou_distributions(comparison))
    yield Section("iou", "Distribution of the IoU", text, charts)
    yield _edges(finished)
    if "ratio" in metrics:
        charts = [figures.agreement(comparison, metrics["ratio"])]
        yield _ratio(metrics["ratio"], charts)
    if "coverage" in metrics:
        yield _coverage(metrics["coverage"])
    charts = list(figures.learning(finished.histories(), bool(finished.recipe.get("augment"))))
    if charts:
        text = "The validation images choose nothing; they are measured after each epoch."
        yield Section("learning", "Learning curves", text, charts)


def _scores(finished: Finished) -> Section:
    """Scores of all boxes, and of each label, source and fold."""
    metrics, summary = finished.metrics, finished.summary
    rows = [("all", str(summary["dataset"]["val"]), metrics)]
    for kind in ("labels", "sources"):
        rows += [(spoken(name), "", item) for name, item in metrics.get(kind, {}).items()]
    for fold in summary.get("folds", []):
        rows.append((f"fold {fold['fold']}", str(fold["dataset"]["val"]), fold["metrics"]["val"]))
    shown = rows[:MOST_ROWS]
    text = "The constant box always answers with the mean training box of each label."
    if "constant_box" in summary:
        text = f"The constant box is the {summary['constant_box']}, for each label."
    if len(rows) > len(shown):
        text += f" {len(rows) - len(shown)} more are left out."
    chart = figures.scores([(name, item) for name, _, item in shown])
    table = tuple(score_row(*row) for row in shown)
    return Section("scores", "Scores", text, [chart], COLUMNS, table)


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


def _ratio(ratio: Mapping[str, Any], charts: list[Chart]) -> Section:
    known = {
        "images with both ratios": str(ratio["n"]),
        "a box was missed in": str(ratio["missed"]),
        "mean absolute difference": _number(ratio["mae"], ".4f", ratio["mae_95"]),
        "the constant box's": _number(ratio["constant_box_mae"], ".4f"),
        "bias": _number(ratio["bias"], "+.4f"),
        "limits of agreement": _range(ratio["limits"], "+.4f"),
        "coefficient of variation": _number(ratio["cv"], ".1%", ratio["cv_95"]),
        "correlation": _number(ratio["r"], ".3f"),
    }
    text = "Heart width over the width of both lungs, predicted and true (Bland and Altman 1986)."
    rows = tuple((name, value) for name, value in known.items() if value)
    return Section("ratio", "Cardiothoracic ratio", text, charts, ("", "value"), rows)


def _coverage(coverage: Mapping[str, Any]) -> Section:
    """Boxes of each label, then the ratio's intervals."""
    level = coverage["level"]
    rows = [(spoken(name), item) for name, item in coverage["labels"].items()]
    prices = [f"{item['outer_area_mean']:.2f} times the true area" for _, item in rows]
    if "ratio" in coverage:
        rows.append(("ratio", coverage["ratio"]))
        prices.append(f"intervals {coverage['ratio']['width_mean']:.3f} wide")
    text = (
        f"Calibrated boxes promise that all four true edges lie within their margins in {level:.0%}"
        " of images of the kind that they were calibrated on."
    )
    columns = ("", "n", "holds the truth", "95 %", "at the price of")
    table = tuple((*_covered(*row), price) for row, price in zip(rows, prices, strict=True))
    return Section("coverage", "Calibration", text, [figures.coverage(rows, level)], columns, table)


def _covered(name: str, item: Mapping[str, Any]) -> Row:
    return name, str(item["n"]), f"{item['coverage']:.1%}", _range(item["coverage_95"], ".1%")


def _number(value: float | None, form: str, ends: Sequence[float] | None = None) -> str:
    interval = f" ({_range(ends, form)})" if ends else ""
    return "" if value is None else f"{value:{form}}{interval}"


def _range(ends: Sequence[float] | None, form: str) -> str:
    return "" if ends is None else f"{ends[0]:{form}} to {ends[1]:{form}}"
