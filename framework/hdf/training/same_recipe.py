"""Whether what is in a folder was made with the recipe at hand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hdf.errors import Problem, UserError, user_error
from hdf.recipe.check import CheckedRecipe
from hdf.recipe.load import parse, read_text


def same_recipe(folder: Path, checked: CheckedRecipe) -> bool:
    """Whether the run in `folder` was made with exactly this recipe."""
    try:
        return not differences(folder, checked)
    except UserError:
        return False


def differences(folder: Path, checked: CheckedRecipe) -> list[Problem]:
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
    return [Problem(key, f"{there} there, {here} here") for key, there, here in _pairs(old, new)]


def plain(checked: CheckedRecipe) -> Any:
    """A resolved recipe, as ``resolved.yaml`` would be read."""
    return parse(checked.resolved_yaml(), "recipe").plain()


def _pairs(old: Any, new: Any, key: str = "") -> Iterator[tuple[str, str, str]]:
    """The innermost keys that differ, with both values as JSON."""
    if isinstance(old, dict) and isinstance(new, dict):
        for name in dict.fromkeys([*old, *new]):
            below = f"{key}.{name}" if key else name
            yield from _pairs(old.get(name), new.get(name), below)
    elif old != new:
        yield key, json.dumps(old), json.dumps(new)
