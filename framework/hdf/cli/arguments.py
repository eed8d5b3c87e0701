"""Arguments that several commands take."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])


def recipe_arguments(command: Command) -> Command:
    """``RECIPE [key.path=value ...]``."""
    overrides = click.argument("overrides", nargs=-1, metavar="[key.path=value ...]")
    return click.argument("recipe", type=click.Path(path_type=Path))(overrides(command))


def plugins_dir_option(command: Command) -> Command:
    """``--plugins-dir DIR``."""
    return click.option(
        "--plugins-dir",
        type=click.Path(path_type=Path),
        metavar="DIR",
        help="Load the single-file plugins of this folder as well.",
    )(command)
