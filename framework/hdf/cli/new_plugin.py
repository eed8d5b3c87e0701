"""``hdf new-plugin``."""

from __future__ import annotations

from pathlib import Path

import click

from hdf.cli.arguments import complete_kind


@click.command("new-plugin")
@click.argument("kind", shell_complete=complete_kind)
@click.argument("name")
def new_plugin(kind: str, name: str) -> None:
    """Create a plugin package to start from.

    KIND is loader, augmentation, backbone, head or visualizer. NAME is the component's name in
    recipes. The package hdf-NAME works, with a test and a recipe of its own; nothing is
    overwritten.
    """
    from hdf.registry.registry import discover
    from hdf.tools.new_plugin import choose_names, write_plugin

    names = choose_names(kind, name, discover())
    folder = write_plugin(names, Path())
    click.echo(
        f"{folder}: change {folder / names.module / kind}.py; tests/ holds it to its contract"
    )
    click.echo("next:")
    click.echo(f"  pip install -e './{folder}[test]'")
    click.echo(f"  hdf run {folder / 'recipe.yaml'}")
