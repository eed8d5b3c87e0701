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
from hdf.evaluation.comparison import Comparison
from hdf.evaluation.evaluate import Evaluation
from hdf.models.file import save_model
from hdf.models.novelty import doubt_features, fit_doubt
from hdf.runtime.resources import peak_mib
from hdf.training.constant_answers import constant_answers
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

    `evaluation` is that of the weights that are kept; the run `began` at that `time.perf_counter`.
    """
    from hdf.report.report import finish, write_answers  # not above: needed this late

    store, folder, labels, state = run.store, run.folder, run.store.labels, trainer.state
    learn_doubt(run)
    save_model(run.detector, folder.best)
    samples = [store.samples[index] for index in evaluation.index]
    targets, found = evaluation.targets, evaluation.detections
    constant = trainer.validation.constant
    comparison = Comparison.of(samples, evaluation.matches, constant, found, labels)
    metrics = comparison.metrics(labels)
    write_answers(folder, comparison, samples, targets, found, labels)
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
    images = len(_chosen(run)) * (1 + _passes(run))
    return images, SECONDS_TO_FIT * images**3


@torch.no_grad()
def learn_doubt(run: Run) -> None:
    """Give the run's detector a doubt score (`hdf.models.novelty`), given enough images."""
    index = _chosen(run)
    if not index:
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


def _chosen(run: Run) -> list[int]:
    """Training images from all over, at most `MOST`; none where there are too few."""
    index = run.split.train
    chosen = min(MOST, len(index)) if len(index) >= FEWEST else 0
    return [index[position * len(index) // chosen] for position in range(chosen)]
