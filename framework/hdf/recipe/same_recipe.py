"""Whether what is in a folder was made with the same recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hdf.errors import Problem, UserError, user_error
from hdf.recipe.check import CheckedRecipe
from hdf.recipe.load import parse, read_text
from hdf.recipe.merge import differences


def same_recipe(folder: Path, checked: CheckedRecipe) -> bool:
    """Whether the run in `folder` was made with exactly this recipe."""
    try:
        return not differences_from(folder, checked)
    except UserError:
        return False


def differences_from(folder: Path, checked: CheckedRecipe) -> list[Problem]:
    """The keys in which a recipe differs from ``resolved.yaml`` in `folder`, with both values.

    Raises:
        UserError: there is no such file, or it can't be read.
    """
    path = folder / "resolved.yaml"
    if not path.is_file():
        raise user_error("is missing; give another folder, or --overwrite", str(path))
    return differing(parse(read_text(path), str(path)).plain(), plain(checked))


def differing(old: Any, new: Any) -> list[Problem]:
    """The keys in which two resolved recipes differ, with both values."""
    pairs = differences([old, new])
    return [Problem(key, f"{there} there, {here} here") for key, (there, here) in pairs]


def plain(checked: CheckedRecipe) -> Any:
    """A resolved recipe, as ``resolved.yaml`` would be read."""
    return parse(checked.resolved_yaml(), "recipe").plain()
