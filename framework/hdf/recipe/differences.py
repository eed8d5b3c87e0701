"""Where recipes differ, and whether what is in a folder was made with the same one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from hdf.errors import Problem, UserError, user_error
from hdf.recipe.check import CheckedRecipe
from hdf.recipe.load import parse, read_text

ABSENT = "—"
"""For a key that a recipe does not have."""

_NOTHING = object()


def differences(recipes: Sequence[Any], key: str = "") -> Iterator[tuple[str, list[str]]]:
    """The innermost keys that differ, such as ``train.epochs``, each with all values as JSON.

    Args:
        recipes: plain values.
    """
    if all(isinstance(recipe, dict) for recipe in recipes):
        for name in dict.fromkeys(name for recipe in recipes for name in recipe):
            below = f"{key}.{name}" if key else str(name)
            yield from differences([recipe.get(name, _NOTHING) for recipe in recipes], below)
    elif any(recipe != recipes[0] for recipe in recipes):
        yield key, [_shown(recipe) for recipe in recipes]


def _shown(value: Any) -> str:
    return ABSENT if value is _NOTHING else json.dumps(value, ensure_ascii=False)


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
