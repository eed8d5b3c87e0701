"""How a run, a cross-validation and an evaluation end: ``summary.json`` and ``report.html``."""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from hdf.console import forecast
from hdf.console.progress import Reporter
from hdf.files.atomic import write_json
from hdf.report.figures import spoken
from hdf.report.films import albums, colours_of
from hdf.report.finished import KINDS, Finished, bare_path, read_finished, shown_recipe
from hdf.report.page import write_page
from hdf.report.sections import doubts, headlines, sections
from hdf.runs.run_folder import RunFolder
from hdf.types import Sample

NAME = "report.html"
MADE_BY = "hdf report"


def finish(
    folder: RunFolder, summary: Mapping[str, Any], samples: Iterable[Sample], reporter: Reporter
) -> None:
    """Write ``summary.json`` and the report; the folder is then finished.

    A report that fails is told, and the folder is finished all the same. Samples that were not
    evaluated are ignored.
    """
    write_json(folder.summary, summary)
    try:
        path = write_report(folder.path, samples)
        reporter.say(f"{path}: contains images of the data set; treat it as you treat them")
    except Exception as error:
        reporter.say(f"{NAME} could not be made: {type(error).__name__}: {error}")
        reporter.record(traceback.format_exc())
    folder.set_status("finished")


def write_report(folder: Path, samples: Iterable[Sample]) -> Path:
    """Write the report of a finished run, from its files and the images, and return its path.

    Raises:
        UserError: the folder can't be read, or the page can't be written.
    """
    finished, path = read_finished(folder), folder / NAME
    colours = colours_of(finished.comparison.matches.label)
    write_page(
        path,
        "report.html",
        MADE_BY,
        kind=KINDS[finished.kind],
        name=finished.name,
        facts=list(_facts(finished)),
        doubts=list(doubts(finished.summary)),
        headlines=list(headlines(finished.metrics)),
        sections=list(sections(finished)),
        albums=albums(finished.comparison, {sample.id: sample for sample in samples}),
        colours=[(spoken(name), *pair) for name, pair in colours.items()],
        recipe=shown_recipe(finished.recipe),
        environment=list(_environment(finished.environment())),
    )
    return path


def _facts(finished: Finished) -> Iterator[tuple[str, str]]:
    """The facts below the title."""
    summary = finished.summary
    sizes = summary["dataset"]
    if "train" in sizes:
        yield "trained on", f"{sizes['train']} images"
    yield "evaluated on", f"{sizes['val']} images"
    if finished.kind == "crossval":
        yield "folds", str(len(summary["folds"]))
    if "epochs_run" in summary:
        yield "epochs", str(summary["epochs_run"])
    if summary.get("iou_before_first_step") is not None:
        yield "mean IoU before the first step", f"{summary['iou_before_first_step']:.3f}"
    if "device" in summary:
        yield "computed on", f"{summary['device']} in {summary['precision']}"
    for key in ("images", "table"):
        if key in summary:
            yield key, bare_path(str(summary[key]), of_data=True)
    yield "took", forecast.spoken(summary["timing"]["seconds"])


def _environment(environment: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key, value in environment.items():
        if isinstance(value, Mapping):
            for name, version in value.items():
                yield str(name), str(version or "not installed")
        else:
            yield key.replace("_", " "), str(value)
