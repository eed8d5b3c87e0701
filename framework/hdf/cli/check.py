"""``hdf check``."""

from __future__ import annotations

from pathlib import Path

import click

from hdf.cli.arguments import checked_recipe, plugins_dir_option, recipe_arguments


@click.command()
@recipe_arguments()
@plugins_dir_option
def check(recipe: Path, overrides: tuple[str, ...], plugins_dir: Path | None) -> None:
    """Check a recipe, and print it with every default filled in.

    Everything but the model is built; no data are read and no weights fetched.
    """
    checked, _ = checked_recipe(recipe, overrides, plugins_dir)

    from hdf.components import build_components

    build_components(checked)
    click.echo(checked.resolved_yaml(), nl=False)
    click.echo(f"{checked.source.file}: in order", err=True)
