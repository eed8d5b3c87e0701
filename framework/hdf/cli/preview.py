"""``hdf preview``."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from hdf.cli.arguments import checked_recipe, plugins_dir_option, recipe_arguments
from hdf.cli.screen import console

if TYPE_CHECKING:
    from hdf.recipe.check import CheckedRecipe
    from hdf.tools.preview.make import Choice

COUNT = 12
MADE_BY = "hdf preview"


@click.command()
@recipe_arguments()
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE.png",
    help="The picture; NAME-preview.png here if left out.",
)
@click.option(
    "--count",
    type=click.IntRange(min=1),
    help=f"The most images; {COUNT} if left out, fewer of large ones.",
)
@click.option(
    "--side",
    type=click.Choice(["train", "val"]),
    default="train",
    help="Training images (the default), or validation images.",
)
@click.option("--epoch", type=click.IntRange(min=1), help="The epoch of training; 1 if left out.")
@click.option("--plain", is_flag=True, help="Leave augmentation out.")
@click.option("--overwrite", is_flag=True, help="Replace a file that is no preview, too.")
@plugins_dir_option
def preview(
    recipe: Path,
    overrides: tuple[str, ...],
    out: Path | None,
    count: int | None,
    side: Literal["train", "val"],
    epoch: int | None,
    plain: bool,
    overwrite: bool,
    plugins_dir: Path | None,
) -> None:
    """Draw the images that training will see, with boxes.

    Each training image stands there twice: as it was read, resized and stored, and beside it
    as the given epoch augments it. No model is built.
    """
    if side == "val" and epoch is not None:
        raise click.UsageError("--epoch goes with --side train: validation is not augmented")
    if out is not None and out.suffix.lower() != ".png":
        raise click.BadParameter(f"{str(out)!r} does not end with .png", param_hint="'--out'")

    checked, _ = checked_recipe(recipe, overrides, plugins_dir)

    from hdf.console.progress import Reporter
    from hdf.drawing.png import is_png_of, save_png
    from hdf.files.atomic import refuse_path
    from hdf.tools.preview.make import Choice, make_preview

    choice = _fitting(checked, Choice(count or COUNT, side, epoch or 1, plain), count)
    path = out or Path(f"{checked.recipe.name}-preview.png")
    refuse_path(path, "preview", partial(is_png_of, made_by=MADE_BY), overwrite)
    save_png(make_preview(checked, choice, Reporter(console(sys.stderr))), path, MADE_BY)
    click.echo(path)


def _fitting(checked: CheckedRecipe, choice: Choice, asked: int | None) -> Choice:
    """The choice, with no more images than fit where no number was asked for."""
    from dataclasses import replace

    from hdf.tools.preview.make import most_images

    epochs = checked.recipe.train.epochs
    if choice.epoch > epochs:
        message = f"{choice.epoch} is more than the recipe's train.epochs, {epochs}"
        raise click.BadParameter(message, param_hint="'--epoch'")
    most = most_images(checked, choice)
    if asked is not None and asked > most:
        message = f"{asked} is too many: a picture has room for {most} of these images"
        raise click.BadParameter(message, param_hint="'--count'")
    return replace(choice, count=min(choice.count, most))
