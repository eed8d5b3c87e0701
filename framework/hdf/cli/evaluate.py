"""``hdf evaluate``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Literal

import click

from hdf.cli.arguments import PATH, complete_model, out_options, predictor_options
from hdf.cli.screen import reporter, show_json, show_table
from hdf.console import NOTICE
from hdf.console.scores import COLUMNS, above_constant_box, more_lines, score_rows


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
@click.option("--images", type=PATH, required=True, metavar="DIR", help="The folder of images.")
@click.option(
    "--table",
    type=PATH,
    required=True,
    metavar="CSV",
    help="Their true boxes, as the loader csv_boxes reads them.",
)
@out_options("Write into exactly this folder, not evaluations/MODEL/TIME.")
@click.option("--json", "json_wanted", is_flag=True, help="Print the summary as JSON.")
@predictor_options(precision="float32")
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
    from hdf.evaluation import labelled_folder
    from hdf.evaluation.tables import write_answers
    from hdf.files.atomic import utf8_name, write_json
    from hdf.inference.load import load_detectors
    from hdf.inference.predictor import Predictor
    from hdf.models.weights import find_models
    from hdf.registry.registry import discover
    from hdf.report.report import finish
    from hdf.runs.environment import describe_environment
    from hdf.runs.run_folder import ENVIRONMENT, choose_assessment_folder
    from hdf.runtime.device import choose_compute

    folder = choose_assessment_folder(models[0], out, overwrite)
    registry = discover(plugins_dir)
    compute = choose_compute(device, precision)
    predictor = Predictor(load_detectors(models, registry), compute, tta)
    report = reporter()
    samples = labelled_folder.list_folder(registry, images, table)
    with report.counting("evaluating") as progress:
        comparison = labelled_folder.assess(predictor, samples, progress)
    metrics = labelled_folder.score(comparison, predictor)
    summary = {
        "models": [utf8_name(path) for name in models for path in find_models(name)],
        "images": utf8_name(images),
        "table": utf8_name(table),
        "device": str(compute.device),
        "precision": compute.precision,
        "dataset": {"val": len(samples)},
        "metrics": {"val": metrics},
        "constant_box": "mean of this table",
        "timing": {"seconds": round(time.monotonic() - report.forecast.began, 2)},
    }
    folder.create()
    report.log = folder.log
    write_json(folder.path / ENVIRONMENT, describe_environment(compute, registry, 1))
    write_answers(folder.path, comparison)
    finish(folder, summary, samples, report)
    if json_wanted:
        show_json(summary)
    else:
        show_table(COLUMNS, score_rows("all", str(len(samples)), metrics))
    report.say(
        f"{above_constant_box(metrics)}, the mean box of this very table",
        *more_lines(metrics),
        f"everything is in {folder.path}",
        NOTICE,
    )
