"""The files that a run, a cross-validation and an evaluation end with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hdf.console.progress import Reporter
from hdf.evaluation.comparison import Comparison
from hdf.evaluation.tables import write_matches, write_predictions
from hdf.files.atomic import write_json
from hdf.report.report import add_report
from hdf.runs.run_folder import MATCHES, PREDICTIONS, RunFolder
from hdf.types import Detections, Sample, Target


def write_answers(
    folder: RunFolder,
    comparison: Comparison,
    samples: Sequence[Sample],
    targets: Sequence[Target],
    detections: Sequence[Detections],
    labels: tuple[str, ...],
) -> None:
    """Write ``predictions.csv`` and ``matches.csv``.

    Args:
        targets: true boxes in original pixels, one an image, as `samples` and `detections` are.
    """
    write_predictions(folder.path / PREDICTIONS, samples, targets, detections, labels)
    write_matches(folder.path / MATCHES, comparison)


def finish(
    folder: RunFolder, summary: Mapping[str, Any], samples: Sequence[Sample], reporter: Reporter
) -> None:
    """Write ``summary.json`` and the report; the folder is then finished."""
    write_json(folder.summary, summary)
    add_report(folder.path, samples, reporter)
    folder.set_status("finished")
