"""``hdf prepare``."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import click

from hdf.cli.arguments import checked_recipe, plugins_dir_option, recipe_arguments
from hdf.cli.screen import console


@click.command()
@recipe_arguments()
@plugins_dir_option
def prepare(recipe: Path, overrides: tuple[str, ...], plugins_dir: Path | None) -> None:
    """Decode a recipe's images into its store.

    Afterwards hdf run starts at once. No model is built. An interrupted command continues where it
    was.
    """
    began = time.monotonic()
    checked, _ = checked_recipe(recipe, overrides, plugins_dir)

    from hdf.console.forecast import Forecast
    from hdf.console.progress import Reporter
    from hdf.data.dataset import read_dataset
    from hdf.models.components import build_components

    reporter = Reporter(console(sys.stderr), Forecast(began))
    dataset = read_dataset(checked, build_components(checked).loader, reporter)
    for id, reason in dataset.skipped:
        click.echo(f"left out: {id}: {reason}", err=True)
    count, folder = len(dataset.store), dataset.folder
    if folder is None:
        click.echo(f"memory: {count} images are read again by each run; nothing was stored")
        return
    mebibytes = folder.nbytes / 2**20
    click.echo(
        f"{folder.path}: {count} images, {dataset.reused} of them reused, {mebibytes:.1f} MiB, "
        f"{len(dataset.skipped)} left out"
    )
