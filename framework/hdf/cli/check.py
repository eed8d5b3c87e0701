"""``hdf check``."""

from __future__ import annotations

from pathlib import Path

import click

from hdf.cli.arguments import plugins_dir_option, recipe_arguments


@click.command()
@recipe_arguments
@plugins_dir_option
def check(recipe: Path, overrides: tuple[str, ...], plugins_dir: Path | None) -> None:
    """Check a recipe, and print it with every default filled in.

    Everything but the model is built; no data are read and no weights fetched.
    """
    from hdf.recipe.check import check_recipe
    from hdf.recipe.merge import resolve
    from hdf.registry import discover

    source = resolve(recipe, overrides)
    checked = check_recipe(source, discover(plugins_dir))

    from hdf.components import build_components

    build_components(checked)
    click.echo(checked.resolved_yaml(), nl=False)
    click.echo(f"{source.file}: in order", err=True)
