"""A comparison as a page."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from hdf.recipe.merge import ABSENT
from hdf.report import charts, page
from hdf.report.charts import Chart, Mark
from hdf.report.figures import spoken
from hdf.report.films import Film, Painter, colours_of
from hdf.report.finished import OF_DATA, bare
from hdf.tools.compare.compare import Compared
from hdf.tools.compare.paired import METRICS
from hdf.types import Sample

MADE_BY = "hdf compare"
is_page = partial(page.is_page, made_by=MADE_BY)
MOST_FILMS = 18
"""Of all runs together, so that a page stays below 3 MB."""


def write_page(path: Path, found: Compared, samples: Mapping[str, Sample]) -> None:
    """Write the differences, and the images that changed most.

    Args:
        samples: by id; images without one are left out.

    Raises:
        UserError: it can't be written.
    """
    page.write_page(
        path,
        "compare.html",
        MADE_BY,
        "hdf.tools.compare",
        found=found,
        recipe=None if found.recipe is None else list(_recipe(found.recipe)),
        metrics=METRICS,
        spoken=spoken,
        charts=list(_charts(found)),
        films=list(_films(found, samples)),
        colours=[
            (spoken(name), *pair) for name, pair in colours_of(tuple(found.paired.labels)).items()
        ],
    )


def _recipe(differing: Sequence[tuple[str, list[str]]]) -> Iterator[tuple[str, list[str]]]:
    """Without folders, which may name people."""
    for key, values in differing:
        yield key, [value if value == ABSENT else _bare(key, value) for value in values]


def _bare(key: str, text: str) -> str:
    of_data = key.partition(".")[0] in OF_DATA
    return json.dumps(bare(json.loads(text), of_data), ensure_ascii=False)


def _charts(found: Compared) -> Iterator[Chart]:
    """For each metric the differences with their intervals, beside a line at 0."""
    for metric, title in METRICS.items():
        rows = [row for row in found.rows if row["metric"] == metric]
        if not rows:
            continue
        names = [f"{spoken(row['label'] or 'all')} ({row['run'] + 1})" for row in rows]
        ends = [end for row in rows for end in row["difference_95"]]
        y = charts.row_axis(names)
        x = charts.x_axis("difference from run 1", min(0, *ends), max(0, *ends), rows=len(rows))
        spans = [(number, *row["difference_95"]) for number, row in enumerate(rows)]
        dots = [(row["difference"], number) for number, row in enumerate(rows)]
        marks = [
            Mark(charts.upright(x, y, 0), "constant", "line", "no difference"),
            Mark(charts.spans(x, y, spans), "model", "line", "95 % interval"),
            Mark(charts.dots(x, y, dots), "model", "dots", "run minus run 1"),
        ]
        alt = "; ".join(
            f"{name} {row['difference']:+.4f}" for name, row in zip(names, rows, strict=True)
        )
        yield charts.row_chart(title, f"{alt}.", x, y, marks)


def _films(found: Compared, samples: Mapping[str, Sample]) -> Iterator[tuple[str, list[Film]]]:
    """The images that changed most, one film for each run."""
    runs, parts = len(found.names), found.paired.parts
    there = [row for row in found.changed if found.paired.images[row[0]] in samples]
    for number, (index, _) in enumerate(there[: max(1, MOST_FILMS // runs)]):
        painters = [Painter(part, samples, number * runs + run) for run, part in enumerate(parts)]
        films = [painter.film(index) for painter in painters]
        yield (
            found.paired.images[index],
            [replace(film, name=f"{film.name}, run {run}") for run, film in enumerate(films, 1)],
        )
