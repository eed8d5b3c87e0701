"""``hdf run --resume``: which recipe, and whether there is anything to do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from hdf.cli.arguments import checked_recipe
from hdf.errors import Problem, UserError, user_error
from hdf.files.lock import is_held
from hdf.recipe.check import CheckedRecipe, check_recipe
from hdf.recipe.load import read_text
from hdf.recipe.merge import Source, resolve, source_of
from hdf.recipe.same_recipe import differing, plain
from hdf.registry.registry import Registry, discover
from hdf.runs.run_folder import RECIPE, RESOLVED, status_of
from hdf.runtime.world import World


def recipe_to_go_on_with(
    world: World,
    folder: Path,
    recipe: Path | None,
    overrides: tuple[str, ...],
    plugins_dir: Path | None,
) -> tuple[CheckedRecipe, Registry] | None:
    """The recipe of the run in a folder, and what is installed; None where the run has finished.

    Args:
        world: all of its processes must call this; the writer alone needs the folder.
        recipe: of the command line, which must say the same; None for the run's own.

    Raises:
        UserError: the folder holds no run that can go on, or the recipe differs.
    """
    finished, text = False, None
    if world.is_writer:
        _refuse_no_run(folder)
        finished = status_of(folder).get("status") == "finished"
        text = _text_of(folder / RESOLVED)
    finished, text = world.broadcast((finished, text))
    found = None
    if not finished or recipe or overrides:  # what is given is never passed over
        with world.writer_first():
            found = _resumed_recipe(folder, text, recipe, overrides, plugins_dir)
    if finished and world.is_writer:
        click.echo(f"{folder}: the run has finished; nothing is left to do", err=True)
    return None if finished else found


def _refuse_no_run(folder: Path) -> None:
    """Refuse a folder that holds no run, or one that still goes on."""
    status = status_of(folder)
    if "folds" in status:
        message = f"holds a cross-validation; hdf crossval RECIPE --out {folder} goes on with it"
        raise user_error(message, str(folder))
    if not status and not (folder / RESOLVED).exists():
        raise user_error("holds no run; --resume names the folder of one", str(folder))
    if is_held(folder):
        raise user_error("the run still goes on in another process", str(folder))


def _text_of(path: Path) -> str | None:
    return read_text(path) if path.exists() else None


def _resumed_recipe(
    folder: Path,
    text: str | None,
    recipe: Path | None,
    overrides: tuple[str, ...],
    plugins_dir: Path | None,
) -> tuple[CheckedRecipe, Registry]:
    """The recipe of a run that is to go on.

    Args:
        text: of its ``resolved.yaml``; None where it was killed before that was written.
        recipe: of the command line, which must say the same; None for the run's own.

    Raises:
        UserError: naming the keys that differ.
    """
    file = folder / RESOLVED
    if text is None:
        if recipe is None:
            message = "is missing: the run was killed before it was written; give RECIPE as well"
            raise user_error(message, str(file))
        return checked_recipe(recipe, overrides, plugins_dir)
    registry = discover(plugins_dir)
    own = check_recipe(source_of(file, text, ()), registry)
    if recipe is not None and "=" in recipe.name and not recipe.exists():
        recipe, overrides = None, (str(recipe), *overrides)  # changes alone are of its own recipe
    if recipe is not None or overrides:
        source = source_of(file, text, overrides) if recipe is None else resolve(recipe, overrides)
        if found := differing(plain(own), plain(check_recipe(source, registry))):
            message = (
                "the run there has another recipe; to go on with it, give --resume without a "
                "recipe and without changes; to begin a new run, leave out --resume"
            )
            raise UserError([Problem(str(folder), message), *found])
    written = _text_of(folder / RECIPE) or text  # as its author wrote it
    return replace(own, source=Source(file, written, own.source.tree)), registry
