"""``hdf check``."""

from __future__ import annotations

from pathlib import Path

import click

from hdf.cli.arguments import plugins_dir_option, recipe_arguments


@click.command()
@recipe_arguments
@plugins_dir_option
def check(recipe: Path, overrides: tuple[str, ...], plugins_dir: Path | None) -> None:
    """Check a recipe without reading any data, and print it with every default filled in."""
    from hdf.recipe.check import check_recipe
    from hdf.recipe.merge import resolve
    from hdf.registry import discover

    resolve(recipe, overrides)
    checked = check_recipe(recipe, overrides, discover(plugins_dir))
    click.echo(checked.resolved_yaml(), nl=False)
    click.echo(f"{checked.file}: in order", err=True)
