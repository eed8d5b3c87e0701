"""``hdf run``."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hdf.cli.arguments import (
    checked_recipe,
    is_one_of_many,
    nproc_option,
    out_options,
    plugins_dir_option,
    recipe_arguments,
)
from hdf.cli.endings import tell
from hdf.cli.screen import console
from hdf.reporting.scores import more_lines

if TYPE_CHECKING:
    from hdf.distributed import World


@click.command()
@recipe_arguments
@out_options("Write into exactly this folder, not runs/NAME/TIME.")
@nproc_option("Train in N processes on this machine: one for each GPU, or sharing its cores.")
@plugins_dir_option
def run(
    recipe: Path,
    overrides: tuple[str, ...],
    out: Path | None,
    overwrite: bool,
    nproc: int,
    plugins_dir: Path | None,
) -> None:
    """Train, evaluate and draw what a recipe describes.

    RECIPE is a file, or the name of a packaged recipe (see hdf recipes). Values are changed with
    key.path=value, such as train.epochs=5.
    """
    where = (recipe, overrides, out, overwrite, plugins_dir)
    if nproc > 1:
        sys.exit(_launch(nproc, *where))
    if not is_one_of_many():
        _run(None, *where)
        return

    from hdf.joining import joined

    with joined(tell) as world:
        _run(world, *where)


def _run(
    world: World | None,
    recipe: Path,
    overrides: tuple[str, ...],
    out: Path | None,
    overwrite: bool,
    plugins_dir: Path | None,
) -> None:
    with world.writer_first() if world else nullcontext():
        checked, registry = checked_recipe(recipe, overrides, plugins_dir)

    from rich.console import Console

    from hdf.distributed import ALONE
    from hdf.reporting.progress import Reporter
    from hdf.reporting.run_folder import RunFolder, choose_folder
    from hdf.training.run import run_recipe

    if world and not world.is_writer:
        quiet = Reporter(Console(file=StringIO()))
        run_recipe(checked, registry, RunFolder(Path()), quiet, world)
        return
    folder = choose_folder(checked.recipe.name, out, overwrite)
    reporter = Reporter(console(sys.stderr))
    summary = run_recipe(checked, registry, folder, reporter, world or ALONE)
    for line in _closing_lines(summary, folder.path):
        reporter.say(line)


def _launch(
    count: int,
    recipe: Path,
    overrides: tuple[str, ...],
    out: Path | None,
    overwrite: bool,
    plugins_dir: Path | None,
) -> int:
    """Refuse what can be known to be wrong, then start the processes."""
    if is_one_of_many():
        raise click.UsageError("torchrun has started several processes already; leave out --nproc")
    checked, _ = checked_recipe(recipe, overrides, plugins_dir)

    from hdf.components import build_components
    from hdf.distributed import World
    from hdf.errors import placed
    from hdf.reporting.run_folder import RunFolder, choose_folder, free_path
    from hdf.training.launch import launch

    with placed(checked.where("train", "device")):
        World(count - 1, count, count - 1).device(checked.recipe.train.device)
    build_components(checked)
    folder = choose_folder(checked.recipe.name, out, overwrite)
    path = free_path(folder.path) if folder.numbered else folder.path
    options = ["--out", str(path), *(["--overwrite"] if overwrite else [])]
    if plugins_dir is not None:
        options += ["--plugins-dir", str(plugins_dir)]
    arguments = ["run", *options, "--", str(recipe), *overrides]
    return launch(arguments, count, RunFolder(path))


def _closing_lines(summary: dict[str, Any], folder: Path) -> list[str]:
    scores = summary["metrics"]["val"]
    low, high = scores["iou_mean_95"]
    return [
        f"validation: mean IoU {scores['iou_mean']:.3f} (95 % {low:.3f} to {high:.3f}), "
        f"the constant box {scores['constant_box_iou']:.3f}; "
        f"median {scores['iou_median']:.3f}, 2nd percentile {scores['iou_p2']:.3f}, "
        f"IoU >= 0.75 in {scores['iou_at_75']:.0%}, AP {scores['ap']:.3f}",
        *more_lines(scores),
        f"{summary['timing']['seconds']:.0f} s; everything is in {folder}",
        "For research only: hdf is not a medical device.",
    ]
