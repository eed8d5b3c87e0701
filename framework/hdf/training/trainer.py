"""Epoch after epoch: learn, validate, log, save."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any

from hdf.data.batches import Batches
from hdf.errors import user_error
from hdf.evaluation.baseline import constant_boxes
from hdf.evaluation.evaluate import Evaluation, Evaluator
from hdf.model_file import load_model, save_model
from hdf.reporting.progress import Reporter, TrainingDisplay
from hdf.training.checkpoints import save_checkpoint
from hdf.training.events import send
from hdf.training.loop import Learner
from hdf.training.optimisation import build_optimizer, build_schedule
from hdf.training.pictures import draw
from hdf.training.prepare import Run

CHECKPOINT_SECONDS = 30.0


class Trainer:
    """Trains a run's detector.

    Attributes:
        history: the lines of ``metrics.jsonl``.
        seconds: time spent in training batches, validation and saving left out.
    """

    def __init__(self, run: Run, reporter: Reporter) -> None:
        self.run, self.reporter = run, reporter
        settings, store, split = run.recipe.train, run.store, run.split
        self.batches = Batches(store, split.train, settings.batch_size)
        optimizer = build_optimizer(run.detector, settings.optimizer)
        steps = settings.epochs * len(self.batches)
        schedule = build_schedule(optimizer, settings.schedule, steps)
        self.learner = Learner(
            run.detector, run.augment, optimizer, schedule, run.compute, run.recipe.seed
        )
        constant = constant_boxes(store.targets[split.train], len(store.labels)).cpu()

        def evaluator(index: list[int]) -> Evaluator:
            return Evaluator(store, index, constant, settings.batch_size, run.compute)

        self.validation = evaluator(split.val)
        self.inner = evaluator(split.inner) if split.inner else None
        self.history: list[dict[str, Any]] = []
        self.seconds = 0.0
        self._best_inner = -math.inf
        self._saved = time.perf_counter()

    @property
    def images_per_second(self) -> float:
        """Training images a second, over all epochs so far."""
        return len(self.history) * len(self.batches.index) / self.seconds

    def fit(self) -> Evaluation:
        """Train for all epochs, and evaluate the weights that are reported.

        Those are the last epoch's, or the best epoch's on the inner split where there is one; the
        validation side never chooses.
        """
        epochs = self.run.recipe.train.epochs
        with self.reporter.training(epochs, len(self.batches)) as display:
            for epoch in range(1, epochs + 1):
                evaluation = self._epoch(epoch, display)
        if self.inner is None:
            save_model(self.run.detector, self.run.folder.best)
            return evaluation
        best = load_model(self.run.folder.best, self.run.registry)
        self.run.detector.load_state_dict(best.state_dict())
        return self.validation.evaluate(self.run.detector)

    def _epoch(self, epoch: int, display: TrainingDisplay) -> Evaluation:
        rate = float(self.learner.schedule.get_last_lr()[0])
        display.start_epoch(epoch)
        began = time.perf_counter()
        learned = self.learner.epoch(self.batches, epoch, display.step)
        trained = time.perf_counter() - began
        self.seconds += trained
        self._refuse_not_finite(epoch, learned)
        evaluation = self.validation.evaluate(self.run.detector)
        metrics: dict[str, float] = {
            "epoch": epoch,
            "lr": rate,
            **learned,
            **self._scores(evaluation),
        }
        self._refuse_not_finite(epoch, metrics)
        self._save(epoch)
        seconds = time.perf_counter() - began
        speed = len(self.batches.index) / trained
        self._log(metrics, {"epoch": epoch, "seconds": seconds, "train_images_per_second": speed})
        display.end_epoch(metrics, seconds, speed)
        draw(self.run, self.reporter, "epoch", evaluation, self.history)
        send(
            self.run.registry,
            self.reporter,
            "hdf_epoch_finished",
            run=self.run,
            epoch=epoch,
            metrics=metrics,
        )
        return evaluation

    def _scores(self, evaluation: Evaluation) -> dict[str, float]:
        scores = {
            "val_loss": evaluation.loss,
            "iou_mean": evaluation.iou_mean,
            "constant_box_iou": self.validation.constant_iou,
        }
        if self.inner is not None:
            scores["inner_iou_mean"] = self.inner.evaluate(self.run.detector).iou_mean
            if scores["inner_iou_mean"] > self._best_inner:
                self._best_inner = scores["inner_iou_mean"]
                save_model(self.run.detector, self.run.folder.best)
        return scores

    def _log(self, metrics: dict[str, Any], timing: dict[str, Any]) -> None:
        self.history.append(metrics)
        self.run.folder.add_metrics(metrics, timing)

    def _save(self, epoch: int) -> None:
        """Write a checkpoint, if the last one is old enough for the disk's time to be worth it."""
        now = time.perf_counter()
        if now - self._saved >= CHECKPOINT_SECONDS or epoch == self.run.recipe.train.epochs:
            save_checkpoint(self.run.folder, self.learner, epoch)
            self._saved = time.perf_counter()

    def _refuse_not_finite(self, epoch: int, metrics: Mapping[str, float]) -> None:
        for name, value in metrics.items():
            if not math.isfinite(value):
                message = (
                    f"{name} is {value} in epoch {epoch}; try a lower rate "
                    "(train.optimizer.lr) or train.precision=float32"
                )
                raise user_error(message, where=self.run.checked.where("train"))
