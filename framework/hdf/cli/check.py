"""``hdf check``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from hdf.cli.arguments import plugins_dir_option, recipe_arguments
from hdf.errors import Problem, UserError

if TYPE_CHECKING:
    from hdf.recipe.check import CheckedRecipe
    from hdf.recipe.verdict import Verdict


@click.command()
@recipe_arguments()
@click.option("--no-files", is_flag=True, help="Do not look whether the recipe's files are there.")
@plugins_dir_option
def check(
    recipe: Path, overrides: tuple[str, ...], no_files: bool, plugins_dir: Path | None
) -> None:
    """Check a recipe, and print it with all defaults.

    Everything but the model is built, unless the recipe was checked before and nothing has changed
    since. Files and folders that the recipe names must be there; no data are read and no weights
    downloaded.
    """
    from hdf.recipe.check import read_recipe
    from hdf.recipe.merge import resolve
    from hdf.recipe.verdict import Verdict
    from hdf.registry.registry import discover

    source = resolve(recipe, overrides)  # errors in the YAML are reported before plugins load
    checked = read_recipe(source, discover(plugins_dir))
    if not no_files:
        _refuse_missing_files(checked)
    verdict = Verdict(checked)
    if not verdict.stands():
        _build(checked, verdict)
    click.echo(checked.resolved_yaml(), nl=False)
    click.echo(f"{checked.source.file}: in order", err=True)


def _refuse_missing_files(checked: CheckedRecipe) -> None:
    """They are looked for each time: a verdict says nothing of them."""
    from hdf.models.weights import find_models
    from hdf.recipe.check import missing_files

    problems = list(missing_files(checked))
    if start := checked.recipe.train.init_from:
        try:
            find_models(start)
        except UserError as error:
            problems.append(Problem(checked.where("train", "init_from"), str(error)))
    if problems:
        hint = "to check a recipe without the files of another machine, give --no-files"
        raise UserError([*problems, Problem("", hint)])


def _build(checked: CheckedRecipe, verdict: Verdict) -> None:
    from hdf.recipe.check import import_components
    from hdf.recipe.verdict import watched

    import_components(checked)

    from hdf.models.build import build_components

    with watched() as opened:
        build_components(checked)
    if not opened:
        verdict.keep()
