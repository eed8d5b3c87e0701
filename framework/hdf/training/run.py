"""The whole job: recipe in; trained detector, metrics and pictures out."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

from hdf.determinism import repeatable
from hdf.distributed import ALONE, World
from hdf.errors import UserError
from hdf.evaluation.evaluate import Evaluation
from hdf.evaluation.tables import write_matches, write_predictions
from hdf.files import write_json, write_text
from hdf.joining import is_lost
from hdf.memory import keep_freed_memory, peak_mib
from hdf.model_file import save_model
from hdf.recipe.check import CheckedRecipe
from hdf.registry import Registry
from hdf.report.report import add_report
from hdf.reporting.environment import describe_environment
from hdf.reporting.progress import Reporter
from hdf.reporting.run_folder import RunFolder
from hdf.reporting.tables import write_skipped, write_split
from hdf.training.doubt import learn_doubt
from hdf.training.events import send
from hdf.training.pictures import draw
from hdf.training.prepare import Run, prepare
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
        folder: made anew once the recipe and the data were found to be in order.
        world: the processes that do so together; all must call this. The writer alone writes,
            draws and tells plugins.

    Returns:
        What ``summary.json`` holds; nothing where another process writes.

    Raises:
        UserError: the options, the data or the training are at fault.
    """
    with repeatable(checked.recipe.deterministic, checked.where("deterministic")):
        return _run(checked, registry, folder, reporter, world)


def _run(
    checked: CheckedRecipe, registry: Registry, folder: RunFolder, reporter: Reporter, world: World
) -> dict[str, Any]:
    began = time.perf_counter()
    keep_freed_memory()
    run = prepare(checked, registry, folder, reporter, world)
    if not world.is_writer:
        Trainer(run, reporter).fit()
        world.barrier()  # a launcher may think that the run is over where a process has ended
        return {}
    summary = _write(run, reporter, began)
    world.barrier()
    return summary


def _write(run: Run, reporter: Reporter, began: float) -> dict[str, Any]:
    """What the writer does."""
    registry, folder = run.registry, run.folder
    _open(run, reporter)
    try:
        send(registry, reporter, "hdf_run_started", run=run)
        trainer = Trainer(run, reporter)
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
        folder.set_status("finished")
        add_report(folder.path, run.store.samples, reporter)
        send(registry, reporter, "hdf_run_finished", run=run, summary=summary)
        return summary
    except BaseException as error:
        close(folder, error)
        raise


def _open(run: Run, reporter: Reporter) -> None:
    """Make the folder and write what is known before training."""
    folder = run.folder
    folder.create()
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
        "data_digest": run.store.digest(),
        **started,
        "epochs_run": len(trainer.history),
        "stopped_early": len(trainer.history) < run.recipe.train.epochs,
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
