"""Epoch after epoch: learn, validate, log, save."""

from __future__ import annotations

import math
import time
from typing import Any

from torch import Tensor

from hdf.console.progress import Reporter, TrainingDisplay
from hdf.data.batches import Batches
from hdf.errors import Interrupted, placed
from hdf.evaluation.evaluate import Evaluation, Evaluator, constant_boxes
from hdf.models.feature_cache import FeatureCache, is_fixed
from hdf.runtime.device import seed_step
from hdf.training.checkpoint.saving import Saver
from hdf.training.events import draw, tell
from hdf.training.interruptions import Stop
from hdf.training.learner import Position
from hdf.training.not_finite import refuse_not_finite, tell_not_finite
from hdf.training.prepare import Run
from hdf.training.state import new_state, validates
from hdf.training.timing import Timing


class Trainer:
    """Trains a run's detector; all that changes is in `state`.

    Args:
        stop: says when the process was asked to end.
        saved: what the checkpoint to go on from holds, the same in all processes.
    """

    def __init__(
        self, run: Run, reporter: Reporter, stop: Stop, saved: dict[str, Any] | None = None
    ) -> None:
        self.run, self.reporter, self.world, self.stop = run, reporter, run.world, stop
        self.settings, store, split = run.recipe.train, run.store, run.split
        self.batches = Batches(store, split.train, self.settings.batch_size)
        fixed = self.settings.cache_features and is_fixed(run.detector.backbone)
        cache = FeatureCache(len(store), run.compute) if fixed else None
        steps = self.settings.epochs * len(self.batches)
        self.state = new_state(run, steps, cache)
        if saved is not None:
            with placed(str(run.folder.path)):
                self.state.load_state_dict(saved)
            self.state.learner.fill_cache(self.batches)
        self.watch = self.state.learner.watch
        constant = constant_boxes(store.targets[split.train], len(store.labels)).cpu()

        def evaluator(index: list[int]) -> Evaluator:
            size = self.settings.batch_size
            return Evaluator(store, index, constant, size, run.compute, run.world, cache)

        self.validation = evaluator(split.val)
        self.inner = evaluator(split.inner) if split.inner else None
        self.seconds, self.images = 0.0, 0
        self.timing = Timing(run, self.state, len(self.batches), reporter)
        self.saver = Saver(run, self.state)

    @property
    def images_per_second(self) -> float:
        """Of training alone, without validation and saving; 0 where nothing was trained."""
        return self.images / self.seconds if self.seconds else 0.0

    def fit(self) -> Evaluation:
        """Train until all epochs are done or patience ends, and evaluate what is reported.

        That is the last epoch's weights, or with an inner split the best epoch's there; the
        validation side never chooses.

        Raises:
            Interrupted: the process was asked to end; what can be saved is.
        """
        evaluation = None
        try:
            sizes = self.settings.epochs, len(self.batches)
            with self.reporter.training(*sizes, self.timing.left) as display:
                self._look_before()
                while not self._ends(self.state.position.epoch - 1):
                    evaluation = self._epoch(display)
        except Interrupted as error:
            if not error.at_once:
                self.saver.save_if_new()
            raise
        self._seed()
        if self.inner is not None:
            self.saver.load_best()
            return self.validation.evaluate(self.run.detector)
        if evaluation is None:  # the last epoch always validates, but maybe in another process
            evaluation = self.validation.evaluate(self.run.detector)
        return evaluation

    def _look_before(self) -> None:
        """A run that goes on knows it, or can't know it."""
        if self.state.learner.step or self.state.iou_before is not None:
            return
        self._seed()
        with self.timing.image.timing(len(self.run.split.val)):
            found = self.validation.evaluate(self.run.detector).iou_mean
        self.reporter.say(f"IoU {found:.3f} before the first step")
        self.state.iou_before = found if math.isfinite(found) else None

    def _seed(self) -> None:
        """What draws between epochs, such as a picture of some images, depends on nothing else."""
        epoch, step = self.state.position.epoch, self.state.learner.step
        seed_step(self.run.recipe.seed, epoch, step, self.world.rank)

    def _ends(self, epoch: int) -> bool:
        """Whether an epoch that is done is the last; 0 is before the first."""
        validated = epoch > 0 and validates(self.settings, epoch)
        impatient = validated and self.state.selection.is_over(epoch)
        return impatient or epoch == self.settings.epochs

    def _epoch(self, display: TrainingDisplay) -> Evaluation | None:
        began, epoch = time.perf_counter(), self.state.position.epoch
        metrics = self._train(display)
        trained = time.perf_counter() - began
        self.seconds += trained
        self._seed()
        evaluation = None
        if validates(self.settings, epoch):
            with self.timing.image.timing(self.timing.scored):
                evaluation = self.validation.evaluate(self.run.detector)
                metrics |= self._scores(epoch, evaluation)
            refuse_not_finite(self.run, metrics)
        self.state.history.append(metrics)
        if self.world.is_writer:
            seconds, speed = time.perf_counter() - began, len(self.batches.index) / trained
            timing = {"epoch": epoch, "seconds": seconds, "train_images_per_second": speed}
            self.run.folder.add_metrics(metrics, timing)
            display.end_epoch(metrics, seconds, speed)
            if evaluation is not None:
                with self.timing.drawing.timing():
                    draw(self.run, self.reporter, "epoch", evaluation, self.state.history)
            tell(self.run, self.reporter, "hdf_epoch_finished", epoch=epoch, metrics=metrics)
        self.state.position = Position(epoch + 1)
        self._save()
        self.timing.tell()
        return evaluation

    def _train(self, display: TrainingDisplay) -> dict[str, Any]:
        learner, position = self.state.learner, self.state.position
        display.start_epoch(position.epoch)
        self.timing.start_epoch()

        def after_step(done: int, loss: Tensor, images: int) -> None:
            display.step(done, loss, images)
            self.images += images
            self.timing.after_step()
            self._after_step()

        if position.rate is None:
            position.rate = float(learner.schedule.get_last_lr()[0])  # of what has no factor on it
        metrics: dict[str, Any] = {"epoch": position.epoch, "lr": position.rate}
        with self.stop.deferred():
            metrics |= learner.epoch(self.batches, position.epoch, after_step, position)
            self._look()
        if self.watch.skips:
            metrics["skipped_steps"] = position.skipped
        refuse_not_finite(self.run, metrics)
        return metrics

    def _after_step(self) -> None:
        """Between two steps: all processes agree whether to save, and whether to end."""
        due = self.world.is_writer and self.saver.is_due
        found = len(self.watch.found)
        number, saves, bad = self.world.most(self.stop.asked, int(due), found)
        if bad:
            tell_not_finite(self.run, self.reporter, self.watch)
        if number or saves:
            self._look()
            self._save()
        if number:
            raise Interrupted(number)

    def _save(self) -> None:
        with self.stop.deferred():
            with self.timing.checkpoint.timing():
                self.saver.save()
            self.timing.step.start()

    def _look(self) -> None:
        if self.world.most(self.watch.look())[0]:
            tell_not_finite(self.run, self.reporter, self.watch)

    def _scores(self, epoch: int, evaluation: Evaluation) -> dict[str, float]:
        """Of both sides that do not learn; saves the weights where they are the best so far."""
        scores = {
            "val_loss": evaluation.loss,
            "iou_mean": evaluation.iou_mean,
            "constant_box_iou": self.validation.constant_iou,
        }
        if self.inner is not None:
            inner = self.inner.evaluate(self.run.detector)
            scores |= {"inner_loss": inner.loss, "inner_iou_mean": inner.iou_mean}
            if self.state.selection.improves(scores):
                self.saver.save_best()
                self.state.selection.choose(epoch, scores)
        return scores
