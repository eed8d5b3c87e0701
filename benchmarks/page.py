"""The page of figures: tables between markers, and prose around them that is left alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.bars import BARS
from hdf.files.atomic import write_text

HEAD = "| what | bar | figure | spread | measured |\n|---|---|---|---|---|\n"
NOT_MEASURED = ("skipped", "failed")


@dataclass(frozen=True)
class Line:
    """A row of a table, and the day on which it was measured."""

    what: str
    bar: str
    figure: str
    spread: str
    day: str

    def __str__(self) -> str:
        return f"| {self.what} | {self.bar} | {self.figure} | {self.spread} | {self.day} |\n"


def write(
    page: Path, benchmark: str, rows: Sequence[tuple[str, str]], day: str, machine: str
) -> None:
    """Put the rows of a benchmark into its table.

    Rows that were not measured this time stay as the page has them, with their day and the machine
    of that day; those that the benchmark no longer has go. A page or a table that is not there is
    begun at the end.

    Args:
        rows: (what, figure).
        day: of the measurement, ISO 8601.
        machine: what it ran on, in one line.
    """
    text = page.read_text(encoding="utf-8") if page.exists() else "# Performance\n"
    begin, end = f"<!-- begin {benchmark} -->\n", f"<!-- end {benchmark} -->\n"
    if begin not in text:
        text = f"{text.rstrip()}\n\n## {benchmark}\n\n{begin}{end}"
    before, _, rest = text.partition(begin)
    old, _, after = rest.partition(end)
    write_text(page, before + begin + _table(benchmark, old, rows, day, machine) + end + after)


def _table(
    benchmark: str, old: str, rows: Sequence[tuple[str, str]], day: str, machine: str
) -> str:
    known = {line.what: line for line in _lines(old)}
    machines = dict(re.findall(r"^- (\S+): (.*)$", old, re.MULTILINE)) | {day: machine}
    lines = [
        _line(benchmark, what, figure, day) if _measured(what, figure) else known.get(what)
        for what, figure in rows
    ]
    kept = [line for line in lines if line is not None]
    if not kept:
        return old
    days = sorted({line.day for line in kept})
    about = "".join(f"- {day}: {machines.get(day, 'unknown')}\n" for day in days)
    return f"{HEAD}{''.join(map(str, kept))}\n{about}"


def _measured(what: str, figure: str) -> bool:
    return not (what.startswith(NOT_MEASURED) or figure.startswith(NOT_MEASURED))


def _line(benchmark: str, what: str, figure: str, day: str) -> Line:
    bar = BARS.get(benchmark, {}).get(what)
    number, _, spread = figure.partition(" (") if figure.endswith(")") else (figure, "", "")
    missed = "**missed:** " if bar is not None and bar.missed_by(figure) else ""
    bound = "" if bar is None else str(bar)
    return Line(what, bound, missed + number, spread.removesuffix(")"), day)


def _lines(table: str) -> list[Line]:
    rows = [line[2:-2].split(" | ") for line in table.splitlines() if line.startswith("| ")]
    return [Line(*cells) for cells in rows[1:]]
