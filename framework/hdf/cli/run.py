"""``hdf run``."""

from __future__ import annotations

import sys
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from hdf.cli.arguments import (
    PATH,
    checked_recipe,
    is_one_of_many,
    nproc_option,
    out_options,
    plugins_dir_option,
    recipe_arguments,
)
from hdf.cli.screen import reporter, tell
from hdf.console import NOTICE

if TYPE_CHECKING:
    from hdf.recipe.check import CheckedRecipe
    from hdf.registry.registry import Registry
    from hdf.runs.run_folder import RunFolder
    from hdf.runtime.world import World


class RunArguments(NamedTuple):
    """What the command line says."""

    recipe: Path | None
    overrides: tuple[str, ...]
    out: Path | None
    overwrite: bool
    resume: Path | None
    plugins_dir: Path | None


@click.command()
@recipe_arguments(required=False)
@out_options("Write into exactly this folder, not runs/NAME/TIME.")
@click.option(
    "--resume",
    type=PATH,
    metavar="RUN",
    help="Go on with the run in this folder; RECIPE is then not needed.",
)
@nproc_option("Train in N processes on this machine: one for each GPU, or sharing its cores.")
@plugins_dir_option
def run(nproc: int, **given: Any) -> None:
    """Train, evaluate and draw what a recipe describes.

    RECIPE is a file, or the name of a packaged recipe (see hdf recipes). Values are changed with
    key.path=value, such as train.epochs=5.
    """
    arguments = RunArguments(**given)
    if arguments.resume is None and arguments.recipe is None:
        raise click.UsageError("Missing argument 'RECIPE'.")
    if arguments.resume is not None and (arguments.out is not None or arguments.overwrite):
        raise click.UsageError(
            "--resume goes on in the run's own folder; leave out --out and --overwrite"
        )
    if nproc > 1:
        sys.exit(_launch(nproc, arguments))

    from hdf.runtime.world import ALONE

    if not is_one_of_many():
        _run(ALONE, arguments)
        return

    from hdf.runtime.process_group import joined

    with joined(tell) as world:
        _run(world, arguments)


def _run(world: World, arguments: RunArguments) -> None:
    found = _known(world, arguments)
    if found is None:
        return

    from rich.console import Console

    from hdf.console.progress import Reporter
    from hdf.console.scores import more_lines
    from hdf.runs.run_folder import RunFolder
    from hdf.training.run import run_recipe

    checked, registry = found
    if not world.is_writer:
        quiet = Reporter(Console(file=StringIO()))
        run_recipe(checked, registry, RunFolder(Path()), quiet, world)
        return
    folder = _folder(checked, arguments)
    report = reporter()
    summary = run_recipe(checked, registry, folder, report, world)
    scores = summary["metrics"]["val"]
    low, high = scores["iou_mean_95"]
    for line in (
        f"validation: mean IoU {scores['iou_mean']:.3f} (95 % {low:.3f} to {high:.3f}), "
        f"the constant box {scores['constant_box_iou']:.3f}; "
        f"median {scores['iou_median']:.3f}, 2nd percentile {scores['iou_p2']:.3f}, "
        f"IoU >= 0.75 in {scores['iou_at_75']:.0%}, AP {scores['ap']:.3f}",
        *more_lines(scores),
        f"{summary['timing']['seconds']:.0f} s; everything is in {folder.path}",
        NOTICE,
    ):
        report.say(line)


def _known(world: World, arguments: RunArguments) -> tuple[CheckedRecipe, Registry] | None:
    """The recipe and what is installed; None where the run has finished before."""
    recipe, overrides, plugins_dir = arguments.recipe, arguments.overrides, arguments.plugins_dir
    if arguments.resume is not None:
        from hdf.cli.resuming import recipe_to_go_on_with

        return recipe_to_go_on_with(world, arguments.resume, recipe, overrides, plugins_dir)
    assert recipe is not None
    with world.writer_first():
        return checked_recipe(recipe, overrides, plugins_dir)


def _folder(checked: CheckedRecipe, arguments: RunArguments) -> RunFolder:
    from hdf.files.atomic import refuse_unwritable
    from hdf.runs.run_folder import RunFolder, choose_folder

    if arguments.resume is not None:
        refuse_unwritable(arguments.resume)
        return RunFolder(arguments.resume, resumes=True)
    return choose_folder(checked.recipe.name, arguments.out, arguments.overwrite, resumable=True)


def _launch(count: int, arguments: RunArguments) -> int:
    """Refuse what can be known to be wrong, then start the processes, which write to one folder."""
    from hdf.runtime.world import ALONE

    if is_one_of_many():
        raise click.UsageError("torchrun has started several processes already; leave out --nproc")
    found = _known(ALONE, arguments)
    if found is None:
        return 0

    from hdf.runs.run_folder import RunFolder, free_path
    from hdf.training.launch import launch, refuse_early

    checked, _ = found
    refuse_early(checked, count)
    folder = _folder(checked, arguments)
    path = free_path(folder.path) if folder.numbered else folder.path
    words = ["run", "--out" if arguments.resume is None else "--resume", str(path)]
    if arguments.overwrite:
        words.append("--overwrite")
    if arguments.plugins_dir is not None:
        words += ["--plugins-dir", str(arguments.plugins_dir)]
    if arguments.recipe is not None:
        words += ["--", str(arguments.recipe), *arguments.overrides]
    return launch(words, count, RunFolder(path))
