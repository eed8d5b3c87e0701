"""``hdf evaluate``."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from hdf.cli.arguments import complete_model, out_options, plugins_dir_option
from hdf.cli.screen import console, show_json, show_table
from hdf.console import NOTICE
from hdf.console.scores import COLUMNS, more_lines, score_rows

if TYPE_CHECKING:
    from hdf.console.progress import Reporter
    from hdf.inference.predictor import Predictor
    from hdf.registry.registry import Registry
    from hdf.runs.run_folder import RunFolder


@click.command()
@click.option(
    "--model",
    "models",
    multiple=True,
    shell_complete=complete_model,
    required=True,
    metavar="NAME|RUN|FILE",
    help="A shipped model, a run's or cross-validation's folder, or a model file. Several answer "
    "together.",
)
@click.option(
    "--images",
    type=click.Path(path_type=Path),
    required=True,
    metavar="DIR",
    help="The folder of images.",
)
@click.option(
    "--table",
    type=click.Path(path_type=Path),
    required=True,
    metavar="CSV",
    help="Their true boxes, as the loader csv_boxes reads them.",
)
@out_options("Write into exactly this folder, not evaluations/MODEL/TIME.")
@click.option("--json", "json_wanted", is_flag=True, help="Print the summary as JSON.")
@click.option("--tta", type=click.IntRange(1, 64), default=1, help="Average this many views.")
@click.option("--device", default="auto", help="auto (the default), cpu, cuda or mps.")
@click.option(
    "--precision",
    type=click.Choice(["auto", "float32", "bfloat16"]),
    default="float32",
    help="float32 if left out.",
)
@plugins_dir_option
def evaluate(
    models: tuple[str, ...],
    images: Path,
    table: Path,
    out: Path | None,
    overwrite: bool,
    json_wanted: bool,
    tta: int,
    device: str,
    precision: Literal["auto", "float32", "bfloat16"],
    plugins_dir: Path | None,
) -> None:
    """Measure a model on a labelled folder that it has not seen.

    All metrics of hdf run, beside the mean box of this very table, and how often calibrated boxes
    hold the truth. Images that the table does not name are left out.

    For research only: hdf is not a medical device.
    """
    began = time.monotonic()

    from hdf.console.forecast import Forecast
    from hdf.console.progress import Reporter
    from hdf.inference.load import load_detectors
    from hdf.inference.predictor import Predictor
    from hdf.models.weights import find_models
    from hdf.registry.registry import discover
    from hdf.runs.run_folder import choose_assessment_folder
    from hdf.runtime.device import choose_compute

    folder = choose_assessment_folder(models[0], out, overwrite)
    registry = discover(plugins_dir)
    compute = choose_compute(device, precision)
    predictor = Predictor(load_detectors(models, registry), compute, tta)
    reporter = Reporter(console(sys.stderr), Forecast(began))
    about = {
        "models": [str(path) for name in models for path in find_models(name)],
        "images": str(images),
        "table": str(table),
        "device": str(compute.device),
        "precision": compute.precision,
    }
    summary = _assess(registry, predictor, images, table, folder, about, began, reporter)
    metrics = summary["metrics"]["val"]
    if json_wanted:
        show_json(summary)
    else:
        show_table(COLUMNS, score_rows("all", str(summary["dataset"]["val"]), metrics))
    for line in _closing_lines(metrics, folder.path):
        reporter.say(line)


def _assess(
    registry: Registry,
    predictor: Predictor,
    images: Path,
    table: Path,
    folder: RunFolder,
    about: dict[str, Any],
    began: float,
    reporter: Reporter,
) -> dict[str, Any]:
    """Write the folder once all is known; returns what ``summary.json`` holds."""
    from hdf.evaluation.labelled_folder import assess, compare, list_folder, score
    from hdf.files.atomic import write_json
    from hdf.report.report import finish, write_answers
    from hdf.runs.environment import describe_environment
    from hdf.runs.run_folder import ENVIRONMENT

    samples = list_folder(registry, images, table)
    with reporter.counting("evaluating") as progress:
        found = assess(predictor, samples, progress)
    comparison = compare(found, predictor.detectors[0].spec)
    metrics = score(comparison, predictor)
    folder.create()
    reporter.log = folder.log
    environment = describe_environment(predictor.compute, registry, 1)
    write_json(folder.path / ENVIRONMENT, environment)
    answers = found.samples, found.targets, found.detections
    write_answers(folder, comparison, *answers, predictor.labels)
    summary = {
        **about,
        "dataset": {"val": len(samples)},
        "metrics": {"val": metrics},
        "constant_box": "mean of this table",
        "timing": {"seconds": round(time.monotonic() - began, 2)},
    }
    finish(folder, summary, samples, reporter)
    return summary


def _closing_lines(metrics: dict[str, Any], folder: Path) -> list[str]:
    low, high = metrics["above_constant_box_95"]
    return [
        f"mean IoU {metrics['iou_mean']:.3f}, {metrics['above_constant_box']:+.3f} "
        f"(95 % {low:+.3f} to {high:+.3f}) from the constant box, the mean box of this very table",
        *more_lines(metrics),
        f"everything is in {folder}",
        NOTICE,
    ]
