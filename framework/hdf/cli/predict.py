"""``hdf predict``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from hdf.cli.arguments import PATH, complete_model, nproc_option, predictor_options
from hdf.cli.screen import reporter, show_error, show_json, show_table
from hdf.console import NOTICE
from hdf.errors import Problem, UserError

if TYPE_CHECKING:
    from hdf.inference.files import AnyPredictor, FileResult
    from hdf.models.calibration import Calibration

COVERAGE = 0.9
SUFFIXES = (".csv", ".json")


@click.command()
@click.argument("images", nargs=-1, required=True, type=PATH)
@click.option(
    "--model",
    "models",
    multiple=True,
    shell_complete=complete_model,
    metavar="NAME|RUN|FILE",
    help="A shipped model (by default heart-lungs), the folder of a run or cross-validation, or a "
    "model file. Several form an ensemble.",
)
@click.option("--out", type=PATH, metavar="FILE", help="Write a table, .csv or .json.")
@click.option("--json", "json_wanted", is_flag=True, help="Print JSON instead of a table.")
@click.option(
    "--overlay",
    type=PATH,
    metavar="DIR",
    help="Draw the boxes, one PNG per image; they contain the images.",
)
@click.option(
    "--coverage",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help=f"How often the intervals contain the truth; by default {COVERAGE}.",
)
@click.option(
    "--engine",
    type=click.Choice(["torch", "onnx"]),
    default="torch",
    help="torch (the default), or onnx for ONNX Runtime; a model may then be an .onnx file.",
)
@click.option(
    "--overwrite", is_flag=True, help="Replace files even if hdf predict did not write them."
)
@nproc_option("Use N processes: one for each GPU, or sharing the cores.")
@predictor_options(precision="auto")
def predict(
    images: tuple[Path, ...],
    models: tuple[str, ...],
    out: Path | None,
    json_wanted: bool,
    overlay: Path | None,
    tta: int,
    coverage: float | None,
    engine: Literal["torch", "onnx"],
    device: str,
    precision: Literal["auto", "float32", "bfloat16"],
    overwrite: bool,
    nproc: int,
    plugins_dir: Path | None,
) -> None:
    """Find heart and lungs in radiographs.

    IMAGES are files, or folders including their sub-folders: DICOM, PNG, JPEG, TIFF or NumPy. On a
    terminal a table is shown; elsewhere CSV is printed. Exit code 1: some images can't be read.

    For research only: hdf is not a medical device, and its output is no diagnosis.
    """
    if out is not None and out.suffix.lower() not in SUFFIXES:
        message = f"{str(out)!r} ends neither with .csv nor .json"
        raise click.BadParameter(message, param_hint="'--out'")
    _check_engine(engine, models, device, precision, nproc)

    from hdf.files.atomic import refuse_path, write_json, write_text
    from hdf.inference.files import predict_files, predict_in_processes
    from hdf.inference.load import load_predictor
    from hdf.inference.output import as_csv, as_json, is_answers
    from hdf.inference.sources import find_images
    from hdf.models.weights import DEFAULT
    from hdf.runtime.device import choose_compute, computes_bfloat16

    models = models or (DEFAULT,)
    report = reporter()
    sources = find_images(images, report.say)
    if out is not None:
        refuse_path(out, "table of predictions", is_answers, overwrite)
    overlays: dict[Path, Path] = {}
    draw = None
    if overlay is not None:
        from hdf.inference.overlay import overlay_paths, save_overlay

        overlays = overlay_paths(sources, overlay, overwrite)
        draw = partial(save_overlay, overlays)
    load = partial(load_predictor, *models, precision=precision, tta=tta, plugins_dir=plugins_dir)
    predictor: AnyPredictor
    slow = False
    if engine == "onnx":
        from hdf.tools.export import load_onnx_predictor

        predictor = load_onnx_predictor(*models, tta=tta, plugins_dir=plugins_dir, say=report.say)
    else:
        compute = choose_compute(device, precision)  # refuses a missing device
        slow = precision == "float32" and computes_bfloat16(compute.device)
        predictor = load(device=device if nproc == 1 else "cpu")
    level = _level(predictor.calibration, coverage)
    paths = [source.path for source in sources]
    if nproc == 1:
        answers = predict_files(predictor, paths, level, draw)
    else:
        answers = predict_in_processes(load, device, paths, level, draw, nproc)
    results: list[FileResult] = []
    with report.counting("predicting", shorter=_what_shortens(models, tta, slow)) as count:
        for item in answers:
            results.append(item)
            count(len(results), len(sources))
    stated = level if predictor.calibration else None
    as_object = partial(as_json, results, overlays, models, stated)
    if out is not None and out.suffix.lower() == ".json":
        write_json(out, as_object())
    elif out is not None:
        write_text(out, as_csv(results, overlays))
    if out is not None:
        click.echo(out)
    if json_wanted:
        show_json(as_object())
    elif out is None and _is_terminal():
        columns = ("image", "found", "x0", "y0", "x1", "y1", "score", "CTR", "doubt", "warning")
        show_table(columns, (row for item in results for row in _rows(item)))
    elif out is None:
        click.echo(as_csv(results, overlays), nl=False)
    if overlay is not None:
        report.say(f"{overlay}: contains the images; treat it as you treat them")
    report.say(NOTICE)
    if failed := [Problem(str(item.path), item.reason) for item in results if not item.answer]:
        show_error(UserError(failed))
        sys.exit(1)


def _check_engine(
    engine: str, models: Sequence[str], device: str, precision: str, nproc: int
) -> None:
    exported = [model for model in models if model.lower().endswith(".onnx")]
    if engine == "torch" and exported:
        raise click.BadParameter(
            f"{exported[0]!r} is an exported model; take --engine onnx", param_hint="'--model'"
        )
    if engine == "onnx" and (device not in ("auto", "cpu") or precision == "bfloat16"):
        raise click.BadParameter("onnx computes on the CPU and in float32", param_hint="'--engine'")
    if engine == "onnx" and nproc > 1:
        raise click.BadParameter("onnx fills all cores in one process", param_hint="'--nproc'")


def _what_shortens(models: Sequence[str], tta: int, slow: bool) -> list[str]:
    found = {
        f"a smaller --tta than {tta}": tta > 1,
        f"one --model instead of {len(models)}": len(models) > 1,
        "--precision bfloat16, in which this machine computes": slow,
    }
    return [change for change, helps in found.items() if helps]


def _is_terminal() -> bool:
    return sys.stdout.isatty()


def _level(calibration: Calibration | None, coverage: float | None) -> float:
    """The level of the intervals: `coverage`, or by default the highest up to 0.9."""
    levels = () if calibration is None else calibration.levels
    if coverage is None:
        return max((level for level in levels if level <= COVERAGE), default=min(levels, default=0))
    if coverage in levels:
        return coverage
    known = ", ".join(f"{level:g}" for level in levels)
    message = f"calibrated at {known}" if known else "not calibrated: it has no intervals"
    raise click.BadParameter(f"the model is {message}", param_hint="'--coverage'")


def _rows(item: FileResult) -> list[tuple[str, ...]]:
    if item.answer is None:
        return []
    answer, found = item.answer, item.answer.prediction
    doubt = "" if found.doubt != found.doubt else f"{found.doubt:.2f}"
    about = (answer.ratio_text, doubt, "; ".join(answer.warnings))
    rows = [
        (label, *(f"{edge:.0f}" for edge in box.tolist()), f"{found.scores[label]:.2f}")
        for label, box in found.boxes.items()
    ] or [("",) * 6]
    first, *others = rows
    return [(str(item.path), *first, *about), *(("", *row, "", "", "") for row in others)]
