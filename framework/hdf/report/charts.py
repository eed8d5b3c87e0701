"""Charts as SVG paths: small, sharp, and in the colours of the page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

LEFT, RIGHT, TOP, BOTTOM = 48, 342, 24, 194
ACROSS, BESIDE_ROWS, UP = (LEFT, RIGHT), (118, RIGHT), (BOTTOM, TOP)
"""Where an axis starts and ends: along the lower edge, the same beside named rows, upwards."""
ROW_TOP, ROW_HEIGHT = 10, 22
MOST_LETTERS = 17
Point = tuple[float, float]
Style = Literal["model", "constant", "third", "faint", "limit"]


@dataclass(frozen=True)
class Axis:
    """Values from `low` to `high`, drawn from `start` to `end`, in pixels of the drawing.

    Attributes:
        name: with the unit.
        ticks: (value, text).
    """

    name: str
    low: float
    high: float
    start: float
    end: float
    ticks: list[tuple[float, str]]

    def at(self, value: float) -> float:
        """The position of a value, to a tenth of a pixel."""
        share = (value - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 1)


@dataclass(frozen=True)
class Mark:
    """One mark of a chart.

    Attributes:
        path: SVG path data.
        style: a class of ``charts.html``.
        shape: ``bars`` are filled, ``thick`` is a short wide line.
        name: in the legend, which leaves it out if empty.
    """

    path: str
    style: Style
    shape: Literal["line", "dots", "bars", "thick"] = "line"
    name: str = ""


@dataclass(frozen=True)
class Chart:
    """A drawing, and `alt`, the same in words for people who can't see it."""

    title: str
    alt: str
    x: Axis
    y: Axis
    marks: list[Mark]


def axis(
    ends: tuple[float, float], name: str, low: float, high: float, percent: bool = False
) -> Axis:
    """A range between round numbers, which are whole if its name is ``epoch``.

    Args:
        ends: `ACROSS`, `BESIDE_ROWS` or `UP`.
        percent: whether to write the values, which are shares, in per cent.
    """
    from matplotlib.ticker import MaxNLocator  # not above: matplotlib is slow to import

    whole = name == "epoch"
    if high - low < 1e-9:
        beside = 1 if whole else 0.5
        low, high = low - beside, high + beside
    locator = MaxNLocator(5, steps=[1, 2, 2.5, 5, 10], integer=whole)
    values = [float(value) for value in locator.tick_values(low, high)]
    scale = 100.0 if percent else 1.0
    step = (values[1] - values[0]) * scale
    digits = next(n for n in range(12) if abs(round(step, n) - step) < 1e-9 * scale)
    ticks = [(value, f"{value * scale:.{digits}f}".replace("-", "−")) for value in values]
    return Axis(name, values[0], values[-1], *ends, ticks)


def row_axis(names: Sequence[str]) -> Axis:
    """An axis of named rows, the first on top; row i is at the value i."""
    most = MOST_LETTERS
    shown = [name if len(name) <= most else f"{name[: most - 1]}…" for name in names]
    end = ROW_TOP + ROW_HEIGHT * len(names)
    return Axis("", -0.5, len(names) - 0.5, ROW_TOP, end, list(enumerate(shown)))


def line(x: Axis, y: Axis, points: Iterable[Point]) -> str:
    """A line from point to point."""
    return "M" + "L".join(f"{x.at(across):g} {y.at(up):g}" for across, up in points)


def dots(x: Axis, y: Axis, points: Iterable[Point]) -> str:
    """Dots: the round ends of very short lines, as some printers skip lines of length 0."""
    return "".join(f"M{x.at(across):g} {y.at(up):g}h.01" for across, up in points)


def across(x: Axis, y: Axis, levels: Iterable[float]) -> str:
    """Horizontal lines over the full width."""
    return spans(x, y, ((level, x.low, x.high) for level in levels))


def upright(x: Axis, y: Axis, value: float) -> str:
    """A vertical line over the full height."""
    return f"M{x.at(value):g} {y.start:g}V{y.end:g}"


def spans(x: Axis, y: Axis, rows: Iterable[tuple[float, float, float]]) -> str:
    """Horizontal lines, each (row, from, to)."""
    return "".join(f"M{x.at(low):g} {y.at(row):g}H{x.at(high):g}" for row, low, high in rows)


def intervals(
    x: Axis, y: Axis, rows: Iterable[tuple[float, Sequence[float]]], name: str
) -> list[Mark]:
    """For each row a dot, named in the legend, and the 95 % interval around it.

    Args:
        rows: (value, (low, high)), from the first row on.
    """
    values, ends = zip(*rows, strict=True)
    lines = [(row, low, high) for row, (low, high) in enumerate(ends)]
    points = [(value, row) for row, value in enumerate(values)]
    return [
        Mark(spans(x, y, lines), "model", "line", "95 % interval"),
        Mark(dots(x, y, points), "model", "dots", name),
    ]


def bars(x: Axis, y: Axis, edges: Sequence[float], heights: Sequence[float]) -> str:
    """Filled bars between neighbouring edges."""
    return "".join(
        f"M{x.at(left):g} {y.start:g}V{y.at(height):g}H{x.at(right):g}V{y.start:g}Z"
        for (left, right), height in zip(pairwise(edges), heights, strict=True)
        if height
    )


def steps(x: Axis, y: Axis, edges: Sequence[float], heights: Sequence[float]) -> str:
    """The outline of bars."""
    parts = (
        f"V{y.at(height):g}H{x.at(right):g}"
        for right, height in zip(edges[1:], heights, strict=True)
    )
    return f"M{x.at(edges[0]):g} {y.start:g}{''.join(parts)}V{y.start:g}"
