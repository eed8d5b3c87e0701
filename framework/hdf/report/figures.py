"""The charts of a comparison, from true boxes, predicted boxes and metrics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from hdf.evaluation.comparison import Comparison
from hdf.evaluation.ratio_metrics import ratios_of
from hdf.report import charts
from hdf.report.charts import Chart, Mark, Point, Style

EDGES = ("left (x0)", "top (y0)", "right (x1)", "bottom (y1)")
BINS = 25
STYLES: tuple[Style, ...] = ("constant", "model", "third")
History = Sequence[Mapping[str, Any]]
Lines = Sequence[tuple[Sequence[Point], Style, str]]
"""The points, the style and the name of each line."""


def spoken(name: str) -> str:
    """The name of a label or a source, for people."""
    return name.replace("_", " ") or "(no name)"


def learning(histories: Sequence[History], augmented: bool) -> Iterator[Chart]:
    """Loss, perhaps of augmented images, and IoU after each epoch; only the IoU of several runs."""
    if len(histories) == 1:
        training = "training, augmented" if augmented else "training"
        validation, inner = "validation", "inner split"
        losses = {"train_loss": training, "val_loss": validation, "inner_loss": inner}
        constant = "constant box"
        scores = {"constant_box_iou": constant, "iou_mean": validation, "inner_iou_mean": inner}
        yield from _curves("Loss", "mean loss of an image", histories[0], losses)
        yield from _curves("Mean IoU", "mean IoU", histories[0], scores)
    elif histories:
        folds = [_points(history, "iou_mean") for history in histories]
        lasts = ", ".join(f"{points[-1][1]:.3f}" for points in folds if points)
        named: Lines = [(points, "faint", "" if n else "a fold") for n, points in enumerate(folds)]
        alt = f"A line for each of {len(folds)} folds; after the last epoch: {lasts}."
        yield from _over_epochs("Mean IoU of each fold", "mean IoU", named, alt)


def _curves(title: str, unit: str, history: History, names: Mapping[str, str]) -> Iterator[Chart]:
    lines = [
        (_points(history, key), style, name)
        for (key, name), style in zip(names.items(), STYLES, strict=True)
    ]
    known = [(name, points[0][1], points[-1][1]) for points, _, name in lines if points]
    ends = ", ".join(f"{name} from {first:.3f} to {last:.3f}" for name, first, last in known)
    alt = f"Over {len(history)} epochs: {ends}."
    yield from _over_epochs(title, unit, lines, alt)


def _points(history: History, key: str) -> list[Point]:
    return [(line["epoch"], line[key]) for line in history if key in line]


def _over_epochs(title: str, unit: str, lines: Lines, alt: str) -> Iterator[Chart]:
    every = [point for points, _, _ in lines for point in points]
    if not every:
        return
    epochs, values = zip(*every, strict=True)
    x = charts.axis(charts.ACROSS, "epoch", min(epochs), max(epochs))
    y = charts.axis(charts.UP, unit, min(values), max(values))
    marks = [
        Mark(charts.line(x, y, points), style, "line", name)
        if len(points) > 1
        else Mark(charts.dots(x, y, points), style, "dots", name)
        for points, style, name in lines
        if points
    ]
    yield Chart(title, alt, x, y, marks)


def scores(rows: Sequence[tuple[str, Mapping[str, Any]]]) -> Chart:
    """The mean IoU with its interval, beside the constant box; of each name and its metrics."""
    ends = [end for _, item in rows for end in (*item["iou_mean_95"], item["constant_box_iou"])]
    y = charts.row_axis([name for name, _ in rows])
    x = charts.axis(charts.BESIDE_ROWS, "mean IoU", min(ends), max(ends))
    answers = [(item["iou_mean"], item["iou_mean_95"]) for _, item in rows]
    fixed = [(item["constant_box_iou"], row) for row, (_, item) in enumerate(rows)]
    alt = "; ".join(
        f"{name} {item['iou_mean']:.3f}, constant box {item['constant_box_iou']:.3f}"
        for name, item in rows
    )
    marks = [
        *charts.intervals(x, y, answers, "detector"),
        Mark(charts.dots(x, y, fixed), "constant", "dots", "constant box"),
    ]
    return Chart("Mean IoU", f"{alt}.", x, y, marks)


def iou_distributions(comparison: Comparison) -> Iterator[Chart]:
    """For each label the distribution of the IoU, beside the constant box's."""
    edges = np.linspace(0, 1, BINS + 1).tolist()
    for label in dict.fromkeys(comparison.matches.label):
        part = comparison.of_label(label)
        found, fixed = part.matches.iou.numpy(), part.constant.iou.numpy()
        shares, constant = (
            (np.histogram(values, edges)[0] / len(values)).tolist() for values in (found, fixed)
        )
        x = charts.axis(charts.ACROSS, "IoU", 0, 1)
        most = max(*shares, *constant)
        y = charts.axis(charts.UP, "% of the true boxes", 0, most, percent=True)
        marks = [
            Mark(charts.bars(x, y, edges, shares), "model", "bars", "detector"),
            Mark(charts.steps(x, y, edges, constant), "constant", "line", "constant box"),
        ]
        low, middle, high = np.quantile(found, [0.02, 0.5, 0.98])
        alt = (
            f"Of {len(found)} true boxes half have an IoU of at least {middle:.3f}, 98 % of at "
            f"least {low:.3f}, 2 % of at least {high:.3f}; the constant box's median is "
            f"{np.median(fixed):.3f}."
        )
        yield Chart(f"IoU, {spoken(label)}", alt, x, y, marks)


def edge_errors(comparison: Comparison) -> Iterator[Chart]:
    """For each label the errors of the four edges, in % of the true side."""
    y = charts.row_axis(EDGES)
    for label in dict.fromkeys(comparison.matches.label):
        matches = comparison.of_label(label).matches
        known = matches.part(matches.found)
        if not known.label:
            continue
        error = known.edge_error / (known.true[:, 2:] - known.true[:, :2]).tile(2)
        low, first, middle, third, high = np.quantile(
            error.double().numpy(), [0.05, 0.25, 0.5, 0.75, 0.95], axis=0
        )
        name = "predicted − true edge, % of the true side"
        x = charts.axis(charts.BESIDE_ROWS, name, low.min(), high.max(), percent=True)
        most, half = zip(range(4), low, high, strict=True), zip(range(4), first, third, strict=True)
        medians = zip(middle, range(4), strict=True)
        marks = [
            Mark(charts.upright(x, y, 0), "limit"),
            Mark(charts.spans(x, y, most), "model", "line", "90 % of the boxes"),
            Mark(charts.spans(x, y, half), "model", "thick", "half of them"),
            Mark(charts.dots(x, y, medians), "model", "dots", "median"),
        ]
        alt = "; ".join(
            f"{name}: median {middle[row]:+.1%}, 90 % from {low[row]:+.1%} to {high[row]:+.1%}"
            for row, name in enumerate(EDGES)
        )
        yield Chart(f"Edges, {spoken(label)}", f"{alt}.", x, y, marks)


def agreement(comparison: Comparison, ratio: Mapping[str, Any]) -> Chart:
    """Bland and Altman's plot of the metrics' ``ratio`` (Lancet 1986)."""
    every = ratios_of(comparison.matches)
    known = every.part(~every.found.isnan())
    difference, mean = known.found - known.true, (known.found + known.true) / 2
    limits = ratio["limits"] or []
    levels = [*difference.tolist(), *limits, 0.0]
    ends, name = (float(mean.min()), float(mean.max())), "mean of predicted and true ratio"
    x = charts.axis(charts.ACROSS, name, *ends)
    y = charts.axis(charts.UP, "predicted − true", min(levels), max(levels))
    points = zip(mean.tolist(), difference.tolist(), strict=True)
    marks = [
        Mark(charts.dots(x, y, points), "model", "dots", "an image"),
        Mark(charts.across(x, y, [ratio["bias"]]), "constant", "line", "bias"),
    ]
    alt = f"{len(mean)} images, bias {ratio['bias']:+.4f}"
    if limits:
        marks.append(Mark(charts.across(x, y, limits), "limit", "line", "limits of agreement"))
        alt += f", limits of agreement {limits[0]:+.4f} to {limits[1]:+.4f}"
    return Chart("Cardiothoracic ratio", f"{alt}.", x, y, marks)


def coverage(rows: Sequence[tuple[str, Mapping[str, Any]]], level: float) -> Chart:
    """How often what each name calibrates holds the truth, beside the promised level."""
    y = charts.row_axis([name for name, _ in rows])
    lowest = min(level, *(item["coverage_95"][0] for _, item in rows))
    x = charts.axis(charts.BESIDE_ROWS, "% that hold the truth", lowest, 1, percent=True)
    shares = [(item["coverage"], item["coverage_95"]) for _, item in rows]
    marks = [
        Mark(charts.upright(x, y, level), "constant", "line", "promised"),
        *charts.intervals(x, y, shares, "measured"),
    ]
    alt = "; ".join(f"{name} {item['coverage']:.1%}" for name, item in rows)
    return Chart("Coverage", f"Promised {level:.0%}. {alt}.", x, y, marks)
