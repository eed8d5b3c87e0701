"""Arguments that several commands share."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from hdf.cli.completion import complete_override, complete_recipe

if TYPE_CHECKING:
    from hdf.recipe.check import CheckedRecipe
    from hdf.registry.registry import Registry

Command = TypeVar("Command", bound=Callable[..., Any])


def recipe_arguments(required: bool = True) -> Callable[[Command], Command]:
    """``RECIPE [key.path=value ...]``."""

    def add(command: Command) -> Command:
        overrides = click.argument(
            "overrides", nargs=-1, metavar="[key.path=value ...]", shell_complete=complete_override
        )
        recipe = click.argument(
            "recipe",
            type=click.Path(path_type=Path),
            required=required,
            shell_complete=complete_recipe,
        )
        return recipe(overrides(command))

    return add


def plugins_dir_option(command: Command) -> Command:
    """``--plugins-dir DIR``."""
    return click.option(
        "--plugins-dir",
        type=click.Path(path_type=Path),
        metavar="DIR",
        help="Load the single-file plugins of this folder as well.",
    )(command)


def out_options(help: str) -> Callable[[Command], Command]:
    """``--out DIR`` and ``--overwrite``, for commands that fill a folder.

    Args:
        help: the help text of ``--out``.
    """

    def add(command: Command) -> Command:
        out = click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help=help)
        text = "Replace the contents of --out."
        return out(click.option("--overwrite", is_flag=True, help=text)(command))

    return add


def nproc_option(help: str) -> Callable[[Command], Command]:
    """``--nproc N``, 1 by default."""
    return click.option("--nproc", type=click.IntRange(1), default=1, metavar="N", help=help)


def is_one_of_many() -> bool:
    """Whether torchrun has started several processes; known without importing torch."""
    return os.environ.get("WORLD_SIZE", "1") != "1" and "RANK" in os.environ


def checked_recipe(
    recipe: Path, overrides: tuple[str, ...], plugins_dir: Path | None
) -> tuple[CheckedRecipe, Registry]:
    """The checked recipe of `recipe_arguments`, and the installed components.

    Raises:
        UserError: with all of its errors.
    """
    from hdf.recipe.check import check_recipe
    from hdf.recipe.merge import resolve
    from hdf.registry.registry import discover

    source = resolve(recipe, overrides)  # errors in the YAML are reported before plugins load
    registry = discover(plugins_dir)
    return check_recipe(source, registry), registry
