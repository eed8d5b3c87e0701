"""``hdf run``."""

from __future__ import annotations

import sys
from dataclasses import replace
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
from hdf.errors import Problem, UserError, user_error

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

    def checked(self) -> tuple[CheckedRecipe, Registry]:
        """The recipe that it names."""
        assert self.recipe is not None
        return checked_recipe(self.recipe, self.overrides, self.plugins_dir)


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
    from hdf.console.scores import more_lines

    scores = summary["metrics"]["val"]
    low, high = scores["iou_mean_95"]
    report.say(
        f"validation: mean IoU {scores['iou_mean']:.3f} (95 % {low:.3f} to {high:.3f}), "
        f"the constant box {scores['constant_box_iou']:.3f}; "
        f"median {scores['iou_median']:.3f}, 2nd percentile {scores['iou_p2']:.3f}, "
        f"IoU >= 0.75 in {scores['iou_at_75']:.0%}, AP {scores['ap']:.3f}",
        *more_lines(scores),
        f"{summary['timing']['seconds']:.0f} s; everything is in {folder.path}",
        NOTICE,
    )


def _known(world: World, arguments: RunArguments) -> tuple[CheckedRecipe, Registry] | None:
    """The recipe and what is installed; None where the run to go on with has finished.

    All processes must call this; the writer alone needs the run's folder.
    """
    folder = arguments.resume
    if folder is None:
        with world.writer_first():
            return arguments.checked()

    finished, text = world.broadcast(_begun(folder) if world.is_writer else (False, None))
    found = None
    if not finished or arguments.recipe or arguments.overrides:  # these are never passed over
        with world.writer_first():
            found = _resumed(folder, text, arguments)
    if finished and world.is_writer:
        click.echo(f"{folder}: the run has finished; nothing is left to do", err=True)
    return None if finished else found


def _begun(folder: Path) -> tuple[bool, str | None]:
    """Whether the run there has finished, and its ``resolved.yaml``, None if it was killed before.

    Refuses a folder that holds no run, or one that still goes on.
    """
    from hdf.files.lock import is_held
    from hdf.recipe.load import read_text
    from hdf.runs.run_folder import RESOLVED, status_of

    status, file = status_of(folder), folder / RESOLVED
    if "folds" in status:
        message = f"holds a cross-validation; hdf crossval RECIPE --out {folder} goes on with it"
        raise user_error(message, str(folder))
    if not status and not file.exists():
        raise user_error("holds no run; --resume names the folder of one", str(folder))
    if is_held(folder):
        raise user_error("the run still goes on in another process", str(folder))
    return status.get("status") == "finished", read_text(file) if file.exists() else None


def _resumed(
    folder: Path, text: str | None, arguments: RunArguments
) -> tuple[CheckedRecipe, Registry]:
    """The recipe of a run that is to go on; the command line must say the same, if anything."""
    from hdf.recipe.check import check_recipe
    from hdf.recipe.load import read_text
    from hdf.recipe.merge import Source, differing, resolve, source_of
    from hdf.registry.registry import discover
    from hdf.runs.run_folder import RECIPE, RESOLVED

    recipe, overrides, file = arguments.recipe, arguments.overrides, folder / RESOLVED
    if text is None:
        if recipe is None:
            message = "is missing: the run was killed before it was written; give RECIPE as well"
            raise user_error(message, str(file))
        return arguments.checked()
    registry = discover(arguments.plugins_dir)
    own = check_recipe(source_of(file, text, ()), registry)
    if recipe is not None and "=" in recipe.name and not recipe.exists():
        recipe, overrides = None, (str(recipe), *overrides)  # changes alone are of its own recipe
    if recipe is not None or overrides:
        source = source_of(file, text, overrides) if recipe is None else resolve(recipe, overrides)
        if found := differing(own.reread(), check_recipe(source, registry).reread()):
            message = (
                "the run there has another recipe; to go on with it, give --resume without a "
                "recipe and without changes; to begin a new run, leave out --resume"
            )
            raise UserError([Problem(str(folder), message), *found])
    if (folder / RECIPE).exists():  # as its author wrote it
        text = read_text(folder / RECIPE)
    return replace(own, source=Source(file, text, own.source.tree)), registry


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
