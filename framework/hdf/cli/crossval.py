"""``hdf crossval``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from hdf.cli.arguments import (
    checked_recipe,
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

    from hdf.training.crossval.crossval import cross_validate, folds_of
    from hdf.training.crossval.folder import choose_crossval_folder

    folder = choose_crossval_folder(folds_of(checked), out, overwrite)
    report = reporter()
    summary = cross_validate(registry, folder, report)
    show_table(COLUMNS, _rows(summary))
    scores = summary["metrics"]["val"]
    for line in (
        f"all folds: {above_constant_box(scores)}",
        *more_lines(scores),
        f"{summary['timing']['seconds']:.0f} s; everything is in {folder.path}",
        NOTICE,
    ):
        report.say(line)


def _rows(summary: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    for fold in summary["folds"]:
        images = str(fold["dataset"]["val"])
        yield score_row(f"fold {fold['fold']}", images, fold["metrics"]["val"])
    yield from score_rows("all", str(summary["dataset"]["val"]), summary["metrics"]["val"])
