"""The end of a run: doubt, the model file, scores, pictures, summary and report."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from typing import Any

import torch
from torch import Tensor

from hdf.console.progress import Reporter
from hdf.data.batches import Batches
from hdf.evaluation.evaluate import Evaluation
from hdf.runtime.resources import peak_mib
from hdf.training.events import draw
from hdf.training.prepare import Run
from hdf.training.trainer import Trainer
from hdf.types import Batch

FEWEST, MOST = 40, 160
"""Training images that doubt is learned from."""
PASSES = 3
"""How often they are looked at augmented."""
SECONDS_TO_FIT = 2e-9
"""Times the images cubed: products of their features are taken apart into axes."""


def finish_run(
    run: Run, trainer: Trainer, evaluation: Evaluation, reporter: Reporter, began: float
) -> dict[str, Any]:
    """Write all that a finished run holds; returns what ``summary.json`` does.

    Args:
        evaluation: of the weights that are kept, on the validation side.
        began: when the run began, by `time.perf_counter`.
    """
    # Not above: needed this late.
    from hdf.evaluation.comparison import Comparison
    from hdf.evaluation.tables import write_answers
    from hdf.models.file import save_model
    from hdf.report.report import finish
    from hdf.training.constant_answers import constant_answers

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


def looks(run: Run) -> tuple[int, float]:
    """How many images `learn_doubt` runs the backbone over, and about how many seconds follow."""
    chosen = len(_evenly(run.split.train))
    if chosen < FEWEST:
        return 0, 0.0
    images = chosen * (1 + _passes(run))
    return images, SECONDS_TO_FIT * images**3


@torch.no_grad()
def learn_doubt(run: Run) -> None:
    """Give the run's detector a doubt score (`hdf.models.novelty`), given enough images."""
    from hdf.models.novelty import doubt_features, fit_doubt  # not above: needed this late

    index = _evenly(run.split.train)
    if len(index) < FEWEST:
        return
    detector = run.detector.eval()
    batches = Batches(run.store, index, run.recipe.train.batch_size)
    steps = count()

    def features(batch: Batch) -> Tensor:
        with run.compute.autocast():
            return doubt_features(detector.features(batch.images))

    def augmented() -> Iterator[Batch]:
        assert run.augment is not None
        for batch in batches.in_order():
            yield run.augment(batch, (run.recipe.seed, 0, next(steps)))  # epochs count from 1

    plain = torch.cat([features(batch) for batch in batches.in_order()])
    passes = [torch.cat([features(b) for b in augmented()]) for _ in range(_passes(run))]
    detector.doubt = fit_doubt(tuple(detector.backbone.channels), plain, passes)
    detector.spec = replace(detector.spec, doubt=len(detector.doubt.axes))


def _passes(run: Run) -> int:
    return 0 if run.augment is None else PASSES


def _evenly(index: list[int]) -> list[int]:
    """At most `MOST` of them, from all over."""
    chosen = min(MOST, len(index))
    return [index[position * len(index) // chosen] for position in range(chosen)]
