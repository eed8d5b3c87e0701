"""``hdf prepare``."""

from __future__ import annotations

from pathlib import Path

import click

from hdf.cli.arguments import checked_recipe, plugins_dir_option, recipe_arguments
from hdf.cli.screen import reporter


@click.command()
@recipe_arguments(required=False)
@click.option(
    "--prune",
    "prunes",
    is_flag=True,
    help="Remove old stores from the cache folder; RECIPE may be left out.",
)
@plugins_dir_option
def prepare(
    recipe: Path | None, overrides: tuple[str, ...], prunes: bool, plugins_dir: Path | None
) -> None:
    """Decode a recipe's images into its store.

    hdf run then starts at once. No model is built. A prepare that was stopped goes on where it was.

    --prune removes the stores that data.store=auto has made and that this version of hdf can't
    use, or that were not used for 30 days. Other folders are never touched.
    """
    if recipe is not None:
        _prepare(recipe, overrides, plugins_dir)
    elif not prunes:
        raise click.UsageError("Missing argument 'RECIPE'.")
    if prunes:
        _prune()


def _prepare(recipe: Path, overrides: tuple[str, ...], plugins_dir: Path | None) -> None:
    checked, _ = checked_recipe(recipe, overrides, plugins_dir)

    from hdf.data.dataset import read_dataset
    from hdf.models.build import build_components

    dataset = read_dataset(checked, build_components(checked).loader, reporter())
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


def _prune() -> None:
    from hdf.data.folder import prune, stores_folder
    from hdf.errors import user_error

    try:
        removed, left = prune()
    except OSError as error:
        where = str(error.filename or stores_folder())
        raise user_error(f"can't be removed: {error.strerror}", where) from error
    for store in removed:
        click.echo(f"removed {store.path}: {store.nbytes / 2**20:.1f} MiB, {store.outdated}")
    sizes = [sum(store.nbytes for store in stores) / 2**20 for stores in (removed, left)]
    click.echo(
        f"{stores_folder()}: {len(removed)} stores removed, {sizes[0]:.1f} MiB; "
        f"{len(left)} stay, {sizes[1]:.1f} MiB"
    )
