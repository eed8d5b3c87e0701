"""Whether the files and folders that a recipe names are there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hdf.errors import Problem
from hdf.recipe.check import CheckedRecipe, Part
from hdf.recipe.load import RecipePath
from hdf.recipe.splits import ListSplit


def missing_files(checked: CheckedRecipe) -> list[Problem]:
    """One problem for each path that the recipe gives and that is not there.

    The options annotated as `Path` are paths. Those of visualizers are left out, which may name
    what is to be written.
    """
    found = []
    for key, path in _named(checked):
        if not os.path.exists(path):  # noqa: PTH110  # no error for too long a name
            hint = "" if path.is_absolute() else "; it counts from the folder where hdf is started"
            message = f"there is no file or folder {str(path)!r}{hint}"
            found.append(Problem(checked.where(*key), message))
    return found


def _named(checked: CheckedRecipe) -> Iterator[tuple[RecipePath, Path]]:
    for key, part in checked.parts.items():
        if key[0] != "visualize":
            yield from _paths(part, key)
    split = checked.recipe.data.split
    if isinstance(split, ListSplit):
        for side, file in split.lists.model_dump().items():
            yield ("data", "split", "lists", side), Path(file)


def _paths(value: Any, key: RecipePath) -> Iterator[tuple[RecipePath, Path]]:
    if isinstance(value, Path):
        yield key, value
    held = value.values if isinstance(value, Part) else value
    if isinstance(held, dict | list | tuple):
        for name, inner in held.items() if isinstance(held, dict) else enumerate(held):
            yield from _paths(inner, (*key, name))
