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
from hdf.features import FeatureCache, is_fixed
from hdf.model_file import load_model, save_model
from hdf.reporting.progress import Reporter, TrainingDisplay
from hdf.training.checkpoints import save_checkpoint
from hdf.training.events import send
from hdf.training.loop import build_learner
from hdf.training.pictures import draw
from hdf.training.prepare import Run
from hdf.training.selection import Selection

CHECKPOINT_SECONDS = 30.0


class Trainer:
    """Trains a run's detector.

    Attributes:
        history: the lines of ``metrics.jsonl``.
        seconds: time spent in training batches, validation and saving left out.
    """

    def __init__(self, run: Run, reporter: Reporter) -> None:
        self.run, self.reporter, self.world = run, reporter, run.world
        self.settings, store, split = run.recipe.train, run.store, run.split
        self.batches = Batches(store, split.train, self.settings.batch_size)
        fixed = self.settings.cache_features and is_fixed(run.detector.backbone)
        cache = FeatureCache(len(store), run.compute) if fixed else None
        self.learner = build_learner(run, self.settings.epochs * len(self.batches), cache)
        constant = constant_boxes(store.targets[split.train], len(store.labels)).cpu()

        def evaluator(index: list[int]) -> Evaluator:
            size = self.settings.batch_size
            return Evaluator(store, index, constant, size, run.compute, run.world, cache)

        self.validation = evaluator(split.val)
        self.inner = evaluator(split.inner) if split.inner else None
        self.selection = Selection(self.settings.early_stopping)
        self.history: list[dict[str, Any]] = []
        self.seconds = 0.0
        self._saved = time.perf_counter()

    @property
    def images_per_second(self) -> float:
        """Training images a second, over all epochs so far."""
        return len(self.history) * len(self.batches.index) / self.seconds

    def fit(self) -> Evaluation:
        """Train until all epochs are done or patience ends, and evaluate what is reported.

        Those are the last epoch's weights, or the best epoch's on the inner split where there is
        one; the validation side never chooses.
        """
        with self.reporter.training(self.settings.epochs, len(self.batches)) as display:
            epoch, evaluation = 1, self._epoch(1, display)
            while not self._ends(epoch):
                epoch += 1
                evaluation = self._epoch(epoch, display)
        if self.inner is None and evaluation is not None:  # the last epoch always validates
            self._save_best()
            return evaluation
        self._load_best()
        return self.validation.evaluate(self.run.detector)

    def _save_best(self) -> None:
        if self.world.is_writer:
            save_model(self.run.detector, self.run.folder.best)

    def _load_best(self) -> None:
        """Only the writer may have the file."""
        state = None
        if self.world.is_writer:
            state = load_model(self.run.folder.best, self.run.registry).state_dict()
        state = self.world.broadcast(state)
        assert state is not None
        self.run.detector.load_state_dict(state)

    def _validates(self, epoch: int) -> bool:
        return epoch % self.settings.validate_every == 0 or epoch == self.settings.epochs

    def _ends(self, epoch: int) -> bool:
        """Whether an epoch that is done is the last."""
        impatient = self._validates(epoch) and self.selection.is_over(epoch)
        return impatient or epoch == self.settings.epochs

    def _epoch(self, epoch: int, display: TrainingDisplay) -> Evaluation | None:
        began = time.perf_counter()
        display.start_epoch(epoch)
        metrics: dict[str, Any] = {"epoch": epoch, "lr": self.learner.rate}
        metrics |= self.learner.epoch(self.batches, epoch, display.step)
        trained = time.perf_counter() - began
        self.seconds += trained
        self._refuse_not_finite(metrics)
        evaluation = None
        if self._validates(epoch):
            evaluation = self.validation.evaluate(self.run.detector)
            metrics |= self._scores(epoch, evaluation)
            self._refuse_not_finite(metrics)
        self.history.append(metrics)
        if self.world.is_writer:
            self._save(epoch)
            self._record(metrics, began, trained, display)
            self._tell(metrics, evaluation)
        return evaluation

    def _record(
        self, metrics: dict[str, Any], began: float, trained: float, display: TrainingDisplay
    ) -> None:
        seconds, speed = time.perf_counter() - began, len(self.batches.index) / trained
        timing = {"epoch": metrics["epoch"], "seconds": seconds, "train_images_per_second": speed}
        self.run.folder.add_metrics(metrics, timing)
        display.end_epoch(metrics, seconds, speed)

    def _scores(self, epoch: int, evaluation: Evaluation) -> dict[str, float]:
        """The scores of both sides that do not learn; the best weights so far are saved."""
        scores = {
            "val_loss": evaluation.loss,
            "iou_mean": evaluation.iou_mean,
            "constant_box_iou": self.validation.constant_iou,
        }
        if self.inner is not None:
            inner = self.inner.evaluate(self.run.detector)
            scores |= {"inner_loss": inner.loss, "inner_iou_mean": inner.iou_mean}
            if self.selection.improves(epoch, scores):
                self._save_best()
        return scores

    def _tell(self, metrics: dict[str, Any], evaluation: Evaluation | None) -> None:
        """Let visualizers and plugins know of an epoch that is done."""
        run, reporter = self.run, self.reporter
        if evaluation is not None:
            draw(run, reporter, "epoch", evaluation, self.history)
        facts = {"run": run, "epoch": metrics["epoch"], "metrics": metrics}
        send(run.registry, reporter, "hdf_epoch_finished", **facts)

    def _save(self, epoch: int) -> None:
        """Write a checkpoint, if the last one is old enough for the disk's time to be worth it."""
        if time.perf_counter() - self._saved >= CHECKPOINT_SECONDS or self._ends(epoch):
            save_checkpoint(self.run.folder, self.run.detector, self.learner, epoch)
            self._saved = time.perf_counter()

    def _refuse_not_finite(self, metrics: Mapping[str, float]) -> None:
        """Told by the writer; the others find it gone."""
        for name, value in metrics.items():
            if self.world.is_writer and not math.isfinite(value):
                message = (
                    f"{name} is {value} in epoch {metrics['epoch']}; try a lower rate "
                    "(train.optimizer.lr) or train.precision=float32"
                )
                raise user_error(message, where=self.run.checked.where("train"))
