"""What learns, and one pass over the training images."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_
from torch.optim.lr_scheduler import LambdaLR

from hdf.augment import Augment
from hdf.compute import Compute
from hdf.data.batches import Batches
from hdf.detector import Detector
from hdf.features import FeatureCache, answers
from hdf.recipe.build import blamed_on
from hdf.training.average import MovingAverage
from hdf.training.optimisation import build_optimizer, build_schedule, rate_factors
from hdf.training.prepare import Run
from hdf.training.seeds import seed_step
from hdf.types import Batch

OnStep = Callable[[int, Tensor, int], None]
"""Called with (steps done, the loss, images in the step)."""


@dataclass
class Learner:
    """A detector and what changes it.

    Attributes:
        clip_norm: the largest norm of a step's gradient; None for any.
        average: follows the detector's weights; None for no average.
        cache: of the maps of a backbone that learns nothing, where no augmentation precedes it.
        step: optimiser steps taken so far.
    """

    detector: Detector
    augment: Augment | None
    optimizer: torch.optim.Optimizer
    schedule: LambdaLR
    compute: Compute
    seed: int
    clip_norm: float | None = None
    average: MovingAverage | None = None
    cache: FeatureCache | None = None
    step: int = field(default=0)

    @property
    def rate(self) -> float:
        """The learning rate of the next step, of what has no factor on it."""
        return float(self.schedule.get_last_lr()[0])

    def epoch(self, batches: Batches, epoch: int, on_step: OnStep) -> dict[str, float]:
        """Learn from every image once.

        Args:
            epoch: counted from 1.

        Returns:
            The mean of the loss, ``train_loss``, of each of its terms, ``train_<term>``, and where
            it is clipped of the gradient's norm, ``grad_norm``.
        """
        self.detector.train()
        sums: dict[str, Tensor] = {}
        images = 0
        for done, batch in enumerate(batches.shuffled(self.seed, epoch), 1):
            terms = self.learn(batch, epoch)
            images += len(batch)
            for name, value in terms.items():
                sums[name] = sums.get(name, 0.0) + value * len(batch)
            on_step(done, terms["train_loss"], len(batch))
        return {name: float(value) / images for name, value in sums.items()}

    def learn(self, batch: Batch, epoch: int) -> dict[str, Tensor]:
        """Take one optimiser step; returns what `epoch` takes the means of, detached."""
        seed_step(self.seed, epoch, self.step)
        if self.augment is not None:
            batch = self.augment(batch, (self.seed, epoch, self.step))
        with self.compute.autocast():
            raw = answers(self.detector, batch, self.cache)
        terms = self.detector.loss(raw, batch)
        loss = torch.stack(list(terms.values())).sum()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        norm = self._clip()
        self.optimizer.step()
        self.schedule.step()
        if self.average is not None:
            self.average.update(self.step)
        self.step += 1
        parts = {f"train_{name}": value.detach() for name, value in terms.items()}
        return {"train_loss": loss.detach(), **parts, **norm}

    def _clip(self) -> dict[str, Tensor]:
        """Shorten the gradient to `clip_norm`; returns the norm that it had."""
        if self.clip_norm is None:
            return {}
        return {"grad_norm": clip_grad_norm_(self.detector.parameters(), self.clip_norm)}


def build_learner(run: Run, steps: int, cache: FeatureCache | None = None) -> Learner:
    """The learner of a run.

    With ``train.ema`` a copy of the run's detector learns, and the run's detector takes the average
    of its weights, for that is what is evaluated, drawn and saved.

    Args:
        steps: of the optimiser, in the whole run.
        cache: used where no augmentation precedes the backbone.

    Raises:
        UserError: the backbone's stages can't be had.
    """
    settings = run.recipe.train
    detector = deepcopy(run.detector) if settings.ema else run.detector
    with blamed_on(run.checked.parts["model", "backbone"], "stages"):
        factors = rate_factors(detector.backbone, settings.backbone_lr, settings.layer_decay)
    optimizer = build_optimizer(detector, settings.optimizer, factors)
    return Learner(
        detector,
        run.augment,
        optimizer,
        build_schedule(optimizer, settings.schedule, steps),
        run.compute,
        run.recipe.seed,
        settings.clip_norm,
        MovingAverage(detector, run.detector, settings.ema) if settings.ema else None,
        cache if run.augment is None else None,
    )
