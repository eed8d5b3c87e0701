"""Arguments that several commands take."""

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
    """``--out DIR`` and ``--overwrite``, for what fills a folder.

    Args:
        help: what ``--out`` does.
    """

    def add(command: Command) -> Command:
        out = click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help=help)
        text = "Replace what is in --out already."
        return out(click.option("--overwrite", is_flag=True, help=text)(command))

    return add


def nproc_option(help: str) -> Callable[[Command], Command]:
    """``--nproc N``, 1 if left out."""
    return click.option("--nproc", type=click.IntRange(1), default=1, metavar="N", help=help)


def is_one_of_many() -> bool:
    """Whether torchrun has started this process and others; asked before torch is imported."""
    return (os.environ.get("WORLD_SIZE") or "1") != "1"


def checked_recipe(
    recipe: Path, overrides: tuple[str, ...], plugins_dir: Path | None
) -> tuple[CheckedRecipe, Registry]:
    """The recipe of `recipe_arguments`, in order, and what is installed.

    Raises:
        UserError: with all that is wrong with it.
    """
    from hdf.recipe.check import check_recipe
    from hdf.recipe.merge import resolve
    from hdf.registry.registry import discover

    source = resolve(recipe, overrides)  # a mistake in the YAML is told before plugins are loaded
    registry = discover(plugins_dir)
    return check_recipe(source, registry), registry
