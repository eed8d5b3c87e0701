"""The whole job: recipe in; trained detector, metrics and pictures out."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

from hdf.console.progress import Reporter
from hdf.errors import UserError
from hdf.evaluation.evaluate import Evaluation
from hdf.evaluation.tables import write_matches, write_predictions
from hdf.files.atomic import write_json, write_text
from hdf.models.file import save_model
from hdf.recipe.check import CheckedRecipe
from hdf.registry.registry import Registry
from hdf.report.report import add_report
from hdf.runs.environment import describe_environment
from hdf.runs.run_folder import RunFolder
from hdf.runs.tables import write_skipped, write_split
from hdf.runtime.determinism import repeatable
from hdf.runtime.malloc import keep_freed_memory, peak_mib
from hdf.runtime.process_group import is_lost
from hdf.runtime.world import ALONE, World
from hdf.training.checkpoint.resume import state_to_go_on_from, tidy
from hdf.training.doubt import learn_doubt
from hdf.training.events import tell
from hdf.training.faults import FaultError, explained
from hdf.training.pictures import draw
from hdf.training.prepare import Run, prepare
from hdf.training.signals import Stop, stopping
from hdf.training.trainer import Trainer


def run_recipe(
    checked: CheckedRecipe,
    registry: Registry,
    folder: RunFolder,
    reporter: Reporter,
    world: World = ALONE,
) -> dict[str, Any]:
    """Train, evaluate and draw.

    Args:
        folder: made anew once the recipe and the data were found to be in order; or that of a run
            which goes on.
        world: the processes that do so together; all must call this. The writer alone writes,
            draws and tells plugins.

    Returns:
        What ``summary.json`` holds; nothing where another process writes.

    Raises:
        UserError: the options, the data, the training or the machine are at fault.
        Interrupted: the process was asked to end; the run can go on.
    """
    with repeatable(checked.recipe.deterministic, checked.where("deterministic")):
        return _run(checked, registry, folder, reporter, world)


def _run(
    checked: CheckedRecipe, registry: Registry, folder: RunFolder, reporter: Reporter, world: World
) -> dict[str, Any]:
    began = time.perf_counter()
    keep_freed_memory()
    try:
        with explained(checked):
            run = prepare(checked, registry, folder, reporter, world)
        with stopping(world) as stop:
            if world.is_writer:
                summary = _write(run, reporter, stop, began)
            else:
                summary = _help(run, reporter, stop)
        world.barrier()  # a launcher may think that the run is over where a process has ended
        return summary
    finally:
        folder.close()


def _help(run: Run, reporter: Reporter, stop: Stop) -> dict[str, Any]:
    """What all others do."""
    with explained(run.checked):
        Trainer(run, reporter, stop, run.world.broadcast(None)).fit()
    return {}


def _write(run: Run, reporter: Reporter, stop: Stop, began: float) -> dict[str, Any]:
    """What the writer does."""
    folder = run.folder
    with explained(run.checked):
        state = state_to_go_on_from(run, reporter) if folder.resumes else None
        _open(run, reporter, state)
    try:
        with explained(run.checked):
            return _train(run, reporter, stop, run.world.broadcast(state), began)
    except BaseException as error:
        close(folder, error)
        _advise(run, reporter, error)
        raise


def _train(
    run: Run, reporter: Reporter, stop: Stop, state: dict[str, Any] | None, began: float
) -> dict[str, Any]:
    folder = run.folder
    tell(run, reporter, "hdf_run_started")
    trainer = Trainer(run, reporter, stop, state)
    evaluation = trainer.fit()
    learn_doubt(run)
    save_model(run.detector, folder.best)
    comparison = trainer.validation.compare(evaluation)
    metrics = comparison.metrics(run.store.labels)
    _write_predictions(run, evaluation)
    write_matches(folder.path / "matches.csv", comparison)
    draw(run, reporter, "end", evaluation, trainer.history, metrics)
    summary = _summary(run, trainer, metrics, time.perf_counter() - began)
    write_json(run.folder.summary, summary)
    add_report(folder.path, run.store.samples, reporter)
    folder.set_status("finished")
    tell(run, reporter, "hdf_run_finished", summary=summary)
    return summary


def _advise(run: Run, reporter: Reporter, error: BaseException) -> None:
    """Say how to go on, where that may help; a launcher says it for several processes."""
    mistake = isinstance(error, UserError) and not isinstance(error, FaultError)
    if not mistake and run.world.size == 1 and run.folder.how_to_go_on:
        with suppress(OSError):
            reporter.say(run.folder.how_to_go_on)


def _open(run: Run, reporter: Reporter, state: dict[str, Any] | None) -> None:
    """Make the folder and write what is known before training, or tidy what is there."""
    folder = run.folder
    folder.create()
    if state is not None:
        reporter.log = folder.log
        tidy(folder, state, reporter)
        return
    write_text(folder.path / "recipe.yaml", run.checked.source.text)
    write_text(folder.path / "resolved.yaml", run.checked.resolved_yaml())
    write_json(folder.path / "environment.json", _environment(run))
    write_split(folder.path / "split.csv", run.store.samples, run.split)
    write_skipped(folder.path / "skipped.csv", run.skipped)
    reporter.log = folder.log


def _environment(run: Run) -> dict[str, Any]:
    return describe_environment(run.compute, run.registry, run.world.size)


def _write_predictions(run: Run, evaluation: Evaluation) -> None:
    write_predictions(
        run.folder.path / "predictions.csv",
        [run.store.samples[index] for index in evaluation.index],
        evaluation.targets,
        evaluation.detections,
        run.store.labels,
    )


def _summary(run: Run, trainer: Trainer, metrics: dict[str, Any], seconds: float) -> dict[str, Any]:
    started = {} if run.start is None else {"init_from": run.start.summary()}
    return {
        "recipe": run.recipe.name,
        "seed": run.recipe.seed,
        "device": str(run.compute.device),
        "precision": run.compute.precision,
        "processes": run.world.size,
        "dataset": {"train": len(run.split.train), "val": len(run.split.val)},
        "data_digest": run.data_digest,
        **started,
        "epochs_run": len(trainer.history),
        "stopped_early": len(trainer.history) < run.recipe.train.epochs,
        "iou_before_first_step": trainer.iou_before,
        "metrics": {"val": metrics},
        "timing": {
            "seconds": round(seconds, 2),
            "train_images_per_second": round(trainer.images_per_second, 2),
        },
        "peak_memory_mib": peak_mib(),
        "weights": str(run.folder.best),
    }


def close(folder: RunFolder, error: BaseException) -> None:
    """Write into ``status.json`` why a run has ended early, if the disk still takes it."""
    with suppress(OSError):
        if isinstance(error, KeyboardInterrupt):
            folder.set_status("interrupted")
        else:
            folder.set_status("failed", reason=_reason(error))


def _reason(error: BaseException) -> str:
    if is_lost(error):
        return "another process of the run has ended"
    kind = "" if isinstance(error, UserError) else f"{type(error).__name__}: "
    return f"{kind}{error}"
