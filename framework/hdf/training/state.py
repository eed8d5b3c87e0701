"""All of a training that changes: built for a run, saved and restored."""

from __future__ import annotations

import math
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from textwrap import shorten
from typing import Any

import torch

from hdf.errors import placed, user_error
from hdf.models.build import errors_of
from hdf.models.detector import Detector
from hdf.models.feature_cache import FeatureCache
from hdf.recipe.schema import EarlyStopping, Train
from hdf.runtime.device import Compute
from hdf.training.learner import Learner, Position
from hdf.training.optimisation import MovingAverage, build_optimizer, build_schedule, rate_factors
from hdf.training.prepare import Run


@dataclass
class TrainingState:
    """What the next step depends on, and what is reported of those before it.

    Attributes:
        detector: what is evaluated and saved: the learner's own, or the average of its weights.
        history: the lines of ``metrics.jsonl``.
        iou_before: the mean IoU before the first step; None where a checkpoint does not say it.
    """

    detector: Detector
    learner: Learner
    selection: Selection
    history: list[dict[str, Any]] = field(default_factory=list)
    position: Position = field(default_factory=Position)
    iou_before: float | None = None

    @property
    def place(self) -> tuple[int, int]:
        return self.position.epoch, self.position.done

    def state_dict(self) -> dict[str, Any]:
        """All but the weights of `detector`; all processes must ask, unless the steps are over."""
        learner, done = self.learner, self.position.epoch - 1
        averaged = learner.average is not None
        return {
            "epoch": done,
            "within": self.position.state_dict(learner.world),
            "history": self.history[:done],
            "selection": self.selection.state_dict(),
            "iou_before": self.iou_before,
            "step": learner.step,
            **({"weights": learner.detector.state_dict()} if averaged else {}),
            "optimizer": learner.optimizer.state_dict(),
            "schedule": learner.schedule.state_dict(),
        }

    def load_state_dict(self, saved: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` gave, with the weights of `detector` as ``model``.

        A `UserError` where the model has other tensors, as when a plugin's code has changed.
        """
        learner = self.learner
        try:
            self.detector.load_state_dict(saved["model"])
            if "weights" in saved:
                learner.detector.load_state_dict(saved["weights"])
            learner.optimizer.load_state_dict(saved["optimizer"])
        except (RuntimeError, ValueError) as error:
            reason = str(error).splitlines()[-1].strip()
            message = f"the checkpoint does not fit the model that the recipe builds now: {reason}"
            raise user_error(message) from error
        learner.schedule.load_state_dict(saved["schedule"])
        learner.step = saved["step"]
        self.selection.load_state_dict(saved["selection"])
        self.history = saved["history"]
        self.iou_before = saved.get("iou_before")  # not in those of earlier versions
        self.position = Position(saved["epoch"] + 1)
        self.position.load_state_dict(saved["within"], learner.world, learner.compute.device)


class Selection:
    """Follows a metric of the inner split; `epoch` is the best one so far, 0 before the first.

    Without early stopping that is the mean IoU, and patience never ends.
    """

    def __init__(self, stopping: EarlyStopping | None) -> None:
        self.metric = (stopping or EarlyStopping()).metric
        self.patience = stopping.patience if stopping else math.inf
        self.epoch, self._best = 0, -math.inf

    def improves(self, scores: Mapping[str, float]) -> bool:
        """Whether an epoch is better than all before it."""
        return self._value(scores) > self._best

    def choose(self, epoch: int, scores: Mapping[str, float]) -> None:
        """Take an epoch for the best so far."""
        self.epoch, self._best = epoch, self._value(scores)

    def _value(self, scores: Mapping[str, float]) -> float:
        return -scores[self.metric] if self.metric == "inner_loss" else scores[self.metric]

    def is_over(self, epoch: int) -> bool:
        return epoch - self.epoch >= self.patience

    def state_dict(self) -> dict[str, float]:
        return {"epoch": self.epoch, "best": self._best}

    def load_state_dict(self, state: Mapping[str, float]) -> None:
        self.epoch, self._best = int(state["epoch"]), state["best"]


def new_state(run: Run, steps: int, cache: FeatureCache | None = None) -> TrainingState:
    """What training of so many optimiser steps starts from.

    With ``train.ema`` a copy of the run's detector learns, and the run's detector, which is
    evaluated, drawn and saved, takes the average of its weights.
    """
    settings = run.recipe.train
    detector = deepcopy(run.detector) if settings.ema else run.detector
    if settings.compile:
        with placed(run.checked.where("train", "compile")):
            compile_detector(detector, settings.batch_size, run.compute)
    with errors_of(run.checked.parts["model", "backbone"], "stages"):
        factors = rate_factors(detector.backbone, settings.backbone_lr, settings.layer_decay)
    optimizer = build_optimizer(detector, settings.optimizer, factors)
    learner = Learner(
        detector,
        run.augment,
        optimizer,
        build_schedule(optimizer, settings.schedule, steps),
        run.compute,
        run.recipe.seed,
        settings.clip_norm,
        MovingAverage(detector, run.detector, settings.ema) if settings.ema else None,
        cache if run.augment is None else None,
        run.world,
        skips=settings.on_not_finite == "skip",
    )
    return TrainingState(run.detector, learner, Selection(settings.early_stopping))


def compile_detector(detector: Detector, batch_size: int, compute: Compute) -> None:
    """Let `torch.compile` make a detector's forward pass, and try it; results change by rounding.

    The detector is left in evaluation mode. Batches of another size are compiled when they come. A
    `UserError` where it can't be compiled, as without a C++ compiler on a processor.
    """
    detector.compile()
    images = torch.zeros(batch_size, 1, *detector.spec.image_size, device=compute.device)
    detector.eval()
    try:
        with torch.inference_mode(), compute.autocast():
            detector(images)
    except Exception as error:  # each stage of the compiler has errors of its own
        reason = shorten(str(error), 200, placeholder=" …") or type(error).__name__
        message = f"torch can't compile this model here: {reason}; leave out train.compile"
        raise user_error(message) from error


def validates(settings: Train, epoch: int) -> bool:
    """Whether validation follows an epoch."""
    return epoch % settings.validate_every == 0 or epoch == settings.epochs
