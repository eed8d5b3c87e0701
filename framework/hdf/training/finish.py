"""The end of a run: doubt, the model file, scores, pictures, summary and report."""

from __future__ import annotations

import time
from typing import Any

from hdf.console.progress import Reporter
from hdf.evaluation.comparison import Comparison
from hdf.evaluation.evaluate import Evaluation
from hdf.evaluation.tables import write_answers
from hdf.models.file import save_model
from hdf.report.report import finish
from hdf.runtime.resources import peak_mib
from hdf.training.constant_answers import constant_answers
from hdf.training.doubt import learn_doubt
from hdf.training.events import draw
from hdf.training.prepare import Run
from hdf.training.trainer import Trainer


def finish_run(
    run: Run, trainer: Trainer, evaluation: Evaluation, reporter: Reporter, began: float
) -> dict[str, Any]:
    """Write all that a finished run holds; returns what ``summary.json`` does.

    `evaluation` is that of the weights that are kept; the run `began` at that `time.perf_counter`.
    """
    store, folder, labels, state = run.store, run.folder, run.store.labels, trainer.state
    learn_doubt(run)
    save_model(run.detector, folder.best)
    samples = [store.samples[index] for index in evaluation.index]
    matches, constant = evaluation.matches, trainer.validation.constant
    comparison = Comparison.of(samples, matches, constant, evaluation.detections, labels)
    metrics = comparison.metrics(labels)
    write_answers(folder.path, comparison)
    draw(run, reporter, "end", evaluation, state.history, metrics)
    summary = _summary(run, trainer, metrics, time.perf_counter() - began)
    summary |= constant_answers(run, evaluation, state.history, state.learner.step, reporter)
    finish(folder, summary, store.samples, reporter)
    return summary


def _summary(run: Run, trainer: Trainer, metrics: dict[str, Any], seconds: float) -> dict[str, Any]:
    epochs = len(trainer.state.history)
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
        "epochs_run": epochs,
        "stopped_early": epochs < run.recipe.train.epochs,
        "iou_before_first_step": trainer.state.iou_before,
        "metrics": {"val": metrics},
        "timing": {
            "seconds": round(seconds, 2),
            "train_images_per_second": round(trainer.images_per_second, 2),
        },
        "peak_memory_mib": peak_mib(),
        "weights": str(run.folder.best),
    }
