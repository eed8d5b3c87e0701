"""What learns, and one pass over the training images."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_
from torch.optim.lr_scheduler import LambdaLR

from hdf.augment import Augment
from hdf.compute import Compute
from hdf.data.batches import Batches
from hdf.detector import Detector
from hdf.distributed import ALONE, Share, World
from hdf.errors import placed
from hdf.features import FeatureCache, answers
from hdf.recipe.build import blamed_on
from hdf.training.average import MovingAverage
from hdf.training.compiled import compile_detector
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
        world: the processes that learn together; each has a learner with the same weights.
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
    world: World = ALONE
    step: int = field(default=0)

    def __post_init__(self) -> None:
        self._objective = self.world.replicate(Objective(self.detector, self.compute, self.cache))
        # Augmentations that look at a whole batch get it in each process.
        self._whole = self.augment is not None and self.world.size > 1 and not self.augment.divides

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
        dealt = batches.shuffled(self.seed, epoch, None if self._whole else self._rows)
        for done, (size, batch) in enumerate(zip(batches.sizes, dealt, strict=True), 1):
            share = self.world.share(size)
            terms = self.learn(batch, epoch, share)
            for name, value in terms.items():
                sums[name] = sums.get(name, 0.0) + value * share.images
            on_step(done, terms["train_loss"], size)
        self._average_buffers()
        sums, images = self.world.total(sums), len(batches.index)
        return {name: float(value) / images for name, value in sums.items()}

    def _average_buffers(self) -> None:
        self.world.average_buffers(self.detector)
        if self.average is not None:
            self.world.average_buffers(self.average.average)

    def _rows(self, size: int) -> slice:
        return self.world.share(size).rows

    def learn(self, batch: Batch, epoch: int, share: Share) -> dict[str, Tensor]:
        """Take one optimiser step; returns what `epoch` takes the means of, detached.

        Args:
            batch: the images of `share`, or all where augmentation needs them.
        """
        seed_step(self.seed, epoch, self.step, self.world.rank)
        batch = self._augmented(batch, (self.seed, epoch, self.step), share)
        terms = self._objective(batch)
        loss = torch.stack(list(terms.values())).sum()
        self.optimizer.zero_grad(set_to_none=True)
        self._weighted(loss, share).backward()  # type: ignore[no-untyped-call]
        norm = self._clip()
        self.optimizer.step()
        self.schedule.step()
        if self.average is not None:
            self.average.update(self.step)
        self.step += 1
        parts = {f"train_{name}": value.detach() for name, value in terms.items()}
        return {"train_loss": loss.detach(), **parts, **norm}

    def _augmented(self, batch: Batch, key: tuple[int, ...], share: Share) -> Batch:
        if self.augment is None:
            return batch
        return self.augment(batch, key, share)

    def _weighted(self, loss: Tensor, share: Share) -> Tensor:
        """The mean over a share, so that the processes' mean is that over the whole batch."""
        if self.world.size == 1:
            return loss
        return loss * (share.images * self.world.size / share.whole)

    def _clip(self) -> dict[str, Tensor]:
        """Shorten the gradient to `clip_norm`; returns the norm that it had."""
        if self.clip_norm is None:
            return {}
        return {"grad_norm": clip_grad_norm_(self.detector.parameters(), self.clip_norm)}


class Objective(nn.Module):
    """The loss of a batch, in one module: what happens in it counts for the shared gradient."""

    def __init__(self, detector: Detector, compute: Compute, cache: FeatureCache | None) -> None:
        super().__init__()
        self.detector, self.compute, self.cache = detector, compute, cache

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """The terms of the loss."""
        with self.compute.autocast():
            raw = answers(self.detector, batch, self.cache)
        return self.detector.loss(raw, batch)


def build_learner(run: Run, steps: int, cache: FeatureCache | None = None) -> Learner:
    """The learner of a run.

    With ``train.ema`` a copy of the run's detector learns, and the run's detector takes the average
    of its weights, for that is what is evaluated, drawn and saved.

    Args:
        steps: of the optimiser, in the whole run.
        cache: used where no augmentation precedes the backbone.

    Raises:
        UserError: the backbone's stages can't be had, or the detector can't be compiled.
    """
    settings = run.recipe.train
    detector = deepcopy(run.detector) if settings.ema else run.detector
    if settings.compile:
        with placed(run.checked.where("train", "compile")):
            compile_detector(detector, settings.batch_size, run.compute)
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
        run.world,
    )
