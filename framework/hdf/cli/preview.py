"""``hdf preview``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from hdf.cli.arguments import PATH, checked_recipe, plugins_dir_option, recipe_arguments
from hdf.cli.screen import reporter

if TYPE_CHECKING:
    from hdf.recipe.check import CheckedRecipe
    from hdf.tools.preview import Choice

COUNT = 12
MADE_BY = "hdf preview"


@click.command()
@recipe_arguments()
@click.option(
    "--out", type=PATH, metavar="FILE.png", help="The picture; by default NAME-preview.png here."
)
@click.option(
    "--count",
    type=click.IntRange(min=1),
    help=f"The most images; by default {COUNT}, or fewer large ones.",
)
@click.option(
    "--side",
    type=click.Choice(["train", "val"]),
    default="train",
    help="Training images (the default), or validation images.",
)
@click.option("--epoch", type=click.IntRange(min=1), help="The epoch of training; by default 1.")
@click.option("--plain", is_flag=True, help="Do not augment.")
@click.option("--overwrite", is_flag=True, help="Replace FILE.png even if it is not a preview.")
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
    """Draw the images that training will use, with their boxes.

    Each training image is shown twice: as stored after reading and resizing, and beside it as
    augmented in the given epoch. No model is built.
    """
    if side == "val" and epoch is not None:
        raise click.UsageError("--epoch goes with --side train: validation is not augmented")
    if out is not None and out.suffix.lower() != ".png":
        raise click.BadParameter(f"{str(out)!r} does not end with .png", param_hint="'--out'")

    checked, _ = checked_recipe(recipe, overrides, plugins_dir)

    from hdf.drawing.png import is_png_of, save_png
    from hdf.files.atomic import refuse_path
    from hdf.tools.preview import Choice, make_preview

    choice = _fitting(checked, Choice(count or COUNT, side, epoch or 1, plain), count)
    path = out or Path(f"{checked.recipe.name}-preview.png")
    refuse_path(path, "preview", partial(is_png_of, made_by=MADE_BY), overwrite)
    save_png(make_preview(checked, choice, reporter()), path, MADE_BY)
    click.echo(path)


def _fitting(checked: CheckedRecipe, choice: Choice, asked: int | None) -> Choice:
    """The choice, limited to the images that fit unless the user gave a number."""
    from dataclasses import replace

    epochs = checked.recipe.train.epochs
    if choice.epoch > epochs:
        message = f"{choice.epoch} is more than the recipe's train.epochs, {epochs}"
        raise click.BadParameter(message, param_hint="'--epoch'")
    most = choice.most_images(checked)
    if asked is not None and asked > most:
        message = f"{asked} is too many: a picture has room for {most} of these images"
        raise click.BadParameter(message, param_hint="'--count'")
    return replace(choice, count=min(choice.count, most))
