"""``hdf run --resume``: which recipe, and whether there is anything to do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from hdf.cli.arguments import checked_recipe
from hdf.errors import Problem, UserError, user_error

if TYPE_CHECKING:
    from hdf.recipe.check import CheckedRecipe
    from hdf.registry.registry import Registry


def refuse_no_run(folder: Path) -> None:
    """Refuse a folder that holds no run, or one that still goes on.

    Raises:
        UserError: saying which it is.
    """
    from hdf.files.lock import is_held
    from hdf.runs.run_folder import status_of

    status = status_of(folder)
    if "folds" in status:
        message = f"holds a cross-validation; hdf crossval RECIPE --out {folder} goes on with it"
        raise user_error(message, str(folder))
    if not status and not (folder / "resolved.yaml").exists():
        raise user_error("holds no run; --resume names the folder of one", str(folder))
    if is_held(folder):
        raise user_error("the run still goes on in another process", str(folder))


def is_finished(folder: Path) -> bool:
    """Whether the run in the folder has nothing left to do."""
    from hdf.runs.run_folder import status_of

    return status_of(folder).get("status") == "finished"


def text_of(folder: Path) -> str | None:
    """What ``resolved.yaml`` holds; None where the run was killed before it was written."""
    from hdf.recipe.load import read_text

    path = folder / "resolved.yaml"
    return read_text(path) if path.exists() else None


def resumed_recipe(
    folder: Path,
    text: str | None,
    recipe: Path | None,
    overrides: tuple[str, ...],
    plugins_dir: Path | None,
) -> tuple[CheckedRecipe, Registry]:
    """The recipe of a run that is to go on.

    Args:
        text: of its ``resolved.yaml``.
        recipe: of the command line, which must say the same; None for the run's own.

    Raises:
        UserError: naming the keys that differ.
    """
    from hdf.recipe.check import check_recipe
    from hdf.recipe.merge import Source, source_of
    from hdf.registry.registry import discover
    from hdf.training.crossval.same_recipe import differing, plain

    file = folder / "resolved.yaml"
    if text is None:
        if recipe is None:
            message = "is missing: the run was killed before it was written; give RECIPE as well"
            raise user_error(message, str(file))
        return checked_recipe(recipe, overrides, plugins_dir)
    registry = discover(plugins_dir)
    own = check_recipe(source_of(file, text, ()), registry)
    if recipe is not None or overrides:
        given = _given(file, text, recipe, overrides, registry)
        if found := differing(plain(own), plain(given)):
            message = (
                "the run there has another recipe; to go on with it, give --resume without a "
                "recipe and without changes; to begin a new run, leave out --resume"
            )
            raise UserError([Problem(str(folder), message), *found])
    return replace(own, source=Source(file, _written(folder, text), own.source.tree)), registry


def _given(
    file: Path, text: str, recipe: Path | None, overrides: tuple[str, ...], registry: Registry
) -> CheckedRecipe:
    """What the command line says; changes alone are changes of the run's own recipe."""
    from hdf.recipe.check import check_recipe
    from hdf.recipe.merge import resolve, source_of

    if recipe is not None and "=" in recipe.name and not recipe.exists():
        recipe, overrides = None, (str(recipe), *overrides)
    source = source_of(file, text, overrides) if recipe is None else resolve(recipe, overrides)
    return check_recipe(source, registry)


def _written(folder: Path, text: str) -> str:
    """The recipe as its author wrote it, where it is still there."""
    from hdf.recipe.load import read_text

    path = folder / "recipe.yaml"
    return read_text(path) if path.exists() else text
