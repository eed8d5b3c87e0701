"""The whole job: recipe in; trained detector, metrics and pictures out."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any

from hdf.console.progress import Reporter
from hdf.errors import UserError
from hdf.files.atomic import write_json, write_table
from hdf.recipe.check import CheckedRecipe
from hdf.registry.registry import Registry
from hdf.runs.environment import describe_environment
from hdf.runs.run_folder import ENVIRONMENT, SKIPPED, SPLIT, RunFolder, write_split
from hdf.runtime.device import repeatable
from hdf.runtime.resources import keep_freed_memory
from hdf.runtime.world import ALONE, World
from hdf.training.checkpoint.saving import go_on
from hdf.training.events import tell
from hdf.training.interruptions import FaultError, explained, stopping
from hdf.training.prepare import Run, prepare
from hdf.training.trainer import Trainer


def run_recipe(
    checked: CheckedRecipe,
    registry: Registry,
    folder: RunFolder,
    reporter: Reporter,
    world: World = ALONE,
) -> dict[str, Any]:
    """Train, evaluate and draw; returns what ``summary.json`` holds, in the writer alone.

    Args:
        folder: made once recipe and data are in order; or that of a run which goes on.
        world: the processes that do so together; all must call this. The writer alone writes,
            draws and tells plugins.

    Raises:
        UserError: the options, the data, the training or the machine are at fault.
        Interrupted: the process was asked to end; the run can go on.
    """
    began = time.perf_counter()
    keep_freed_memory()
    with repeatable(checked.recipe.deterministic, checked.where("deterministic")), closing(folder):
        with explained(checked):
            run = prepare(checked, registry, folder, reporter, world)
        with stopping(world) as stop:
            with explained(checked):
                saved = _opened(run, reporter) if world.is_writer else None
            with _closed_where_it_fails(run, reporter), explained(checked):
                saved = world.broadcast(saved)
                tell(run, reporter, "hdf_run_started")
                trainer = Trainer(run, reporter, stop, saved)
                evaluation = trainer.fit()
                summary: dict[str, Any] = {}
                if world.is_writer:
                    from hdf.training.finish import finish_run  # not above: needed this late

                    summary = finish_run(run, trainer, evaluation, reporter, began)
                tell(run, reporter, "hdf_run_finished", summary=summary)
        world.barrier()  # a launcher may think that the run is over where a process has ended
        return summary


def _opened(run: Run, reporter: Reporter) -> dict[str, Any] | None:
    """Make the folder, or tidy the one whose run goes on; returns what its checkpoint holds."""
    folder = run.folder
    state = go_on(run, reporter) if folder.resumes else None
    if state is not None:
        return state
    folder.create()
    environment = describe_environment(run.compute, run.registry, run.world.size)
    folder.write_recipe(run.checked)
    write_json(folder.path / ENVIRONMENT, environment)
    write_split(folder.path / SPLIT, run.store.samples, run.split)
    write_table(folder.path / SKIPPED, ("image", "reason"), run.skipped)
    reporter.log = folder.log
    return None


@contextmanager
def _closed_where_it_fails(run: Run, reporter: Reporter) -> Iterator[None]:
    """Write why a run has ended early, and say how to go on; the writer alone does."""
    try:
        yield
    except BaseException as error:
        if run.world.is_writer:
            close(run.folder, error, run.world)
            mistake = isinstance(error, UserError) and not isinstance(error, FaultError)
            # A launcher says it for several processes.
            if not mistake and run.world.size == 1 and not run.folder.is_fold:
                with suppress(OSError):
                    reporter.say(run.folder.how_to_go_on)
        raise


def close(folder: RunFolder, error: BaseException, world: World = ALONE) -> None:
    """Write into ``status.json`` why a run has ended early, if the disk still takes it."""
    with suppress(OSError):
        if isinstance(error, KeyboardInterrupt):
            folder.set_status("interrupted")
        else:
            kind = "" if isinstance(error, UserError) else f"{type(error).__name__}: "
            lost = "another process of the run has ended"
            folder.set_status("failed", reason=lost if world.has_lost(error) else f"{kind}{error}")
