"""``hdf crossval``, and ``hdf calibrate`` by what it has measured."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from hdf.cli.arguments import (
    PATH,
    checked_recipe,
    complete_model,
    is_one_of_many,
    out_options,
    plugins_dir_option,
    recipe_arguments,
)
from hdf.cli.screen import reporter, show_table
from hdf.console import NOTICE
from hdf.console.scores import COLUMNS, above_constant_box, more_lines, score_row, score_rows


@click.command()
@recipe_arguments()
@out_options(
    "Write into exactly this folder, not runs/NAME-crossval/TIME; go on with what is there."
)
@plugins_dir_option
def crossval(
    recipe: Path,
    overrides: tuple[str, ...],
    out: Path | None,
    overwrite: bool,
    plugins_dir: Path | None,
) -> None:
    """Run every fold of a recipe, and score all answers together.

    RECIPE needs a split into folds, such as data.split={folds: 5}. One that was stopped goes on
    with the same command and --out: finished folds are not run again.
    """
    if is_one_of_many():
        raise click.UsageError("folds are trained in one process each; torchrun starts hdf run")
    checked, registry = checked_recipe(recipe, overrides, plugins_dir)

    from hdf.training.crossval import choose_crossval_folder, cross_validate, folds_of

    folder = choose_crossval_folder(folds_of(checked), out, overwrite)
    report = reporter()
    summary = cross_validate(registry, folder, report)
    show_table(COLUMNS, _rows(summary))
    scores = summary["metrics"]["val"]
    report.say(
        f"all folds: {above_constant_box(scores)}",
        *more_lines(scores),
        f"{summary['timing']['seconds']:.0f} s; everything is in {folder.path}",
        NOTICE,
    )


def _rows(summary: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    for fold in summary["folds"]:
        images = str(fold["dataset"]["val"])
        yield score_row(f"fold {fold['fold']}", images, fold["metrics"]["val"])
    yield from score_rows("all", str(summary["dataset"]["val"]), summary["metrics"]["val"])


@click.command()
@click.argument("model", shell_complete=complete_model)
@click.argument("crossval", type=PATH, metavar="CROSSVAL_FOLDER")
@click.option(
    "--out", type=PATH, metavar="FILE", help="Write a new model file, and leave MODEL unchanged."
)
def calibrate(model: str, crossval: Path, out: Path | None) -> None:
    """Add the calibration of a cross-validation to a model.

    MODEL is a model file or the folder of a run. CROSSVAL_FOLDER is that of a finished hdf crossval
    of the same recipe, which has measured the out-of-fold errors. The model file is rewritten
    atomically.
    """
    from hdf.errors import user_error
    from hdf.files.atomic import refuse_unwritable
    from hdf.models.weights import find_models, shipped_models
    from hdf.training.calibrate import calibrate_model

    paths = find_models(model)
    if len(paths) > 1:
        raise user_error("contains several models; name one of their files", model)
    if out is None and model in shipped_models():
        raise user_error("is a shipped model; write a new file with --out", model)
    if out is not None and out.exists():
        raise user_error("exists; give another path", str(out))
    target = out or paths[0]
    refuse_unwritable(target)
    for difference in calibrate_model(paths[0], crossval, target):
        click.echo(f"warning: another {difference}; its errors may differ as well", err=True)
    click.echo(f"{target}: calibrated by {crossval}")
