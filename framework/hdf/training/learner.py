"""What learns, and one pass over the training images."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_
from torch.optim.lr_scheduler import LambdaLR

from hdf.augmentation.pipeline import Augment
from hdf.data.batches import Batches
from hdf.models.detector import Detector
from hdf.models.feature_cache import FeatureCache, answers
from hdf.runtime.device import Compute, seed_step
from hdf.runtime.world import ALONE, Share, World
from hdf.training.not_finite import Watch
from hdf.training.optimisation import MovingAverage
from hdf.types import Batch

OnStep = Callable[[int, Tensor, int], None]
"""Called with (batches done, the loss, images in the batch); NaN for a batch that is skipped."""
_NOTHING = torch.tensor(torch.nan)


@dataclass
class Position:
    """A place in an epoch, counted from 1: `done` batches are behind it, `skipped` without a step.

    `sums`, for the epoch's means, are this process's; `whole` those of all, after the last step.
    """

    epoch: int = 1
    done: int = 0
    sums: dict[str, Tensor] = field(default_factory=dict)
    whole: dict[str, Tensor] | None = None
    skipped: int = 0
    skipped_images: int = 0
    rate: float | None = None
    COUNTS = ("done", "skipped", "skipped_images", "rate")

    def add(self, terms: Mapping[str, Tensor], own: int, images: int) -> None:
        """Count a batch of `images`, `own` of them this process's; no terms where it is skipped."""
        for name, value in terms.items():
            self.sums[name] = self.sums.get(name, 0.0) + value * own
        if not terms:
            self.skipped += 1
            self.skipped_images += images
        self.done += 1

    def state_dict(self, world: World) -> dict[str, Any]:
        """All but the epoch; all processes must ask, unless the epoch's steps are over."""
        sums = world.total(self.sums) if self.whole is None else self.whole
        return {"sums": sums, **{name: getattr(self, name) for name in self.COUNTS}}

    def load_state_dict(self, state: Mapping[str, Any], world: World, device: torch.device) -> None:
        """Go on from what `state_dict` gave; the writer alone with the sums."""
        for name in self.COUNTS:
            setattr(self, name, state[name])
        self.sums = {name: value.to(device) for name, value in state["sums"].items()}
        if not world.is_writer:
            self.sums = {name: torch.zeros_like(value) for name, value in self.sums.items()}


class Objective(nn.Module):
    """The loss of a batch, in one module: what happens in it counts for the shared gradient."""

    def __init__(self, detector: Detector, compute: Compute, cache: FeatureCache | None) -> None:
        super().__init__()
        self.detector, self.compute, self.cache = detector, compute, cache

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        with self.compute.autocast():
            raw = answers(self.detector, batch, self.cache)
        return self.detector.loss(raw, batch)


@dataclass
class Learner:
    """A detector and what changes it.

    Attributes:
        cache: the maps of a frozen backbone, where no augmentation precedes it.
        world: the processes that learn together, each with a learner of the same weights.
        step: optimiser steps so far, the skipped ones included.
        skips: whether batches whose loss is not finite are left out.
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
    step: int = 0
    skips: bool = False

    def __post_init__(self) -> None:
        self.watch = Watch(self.skips, self.compute.device)
        self._objective = self.world.replicate(Objective(self.detector, self.compute, self.cache))
        # Augmentations that look at a whole batch get it in each process.
        whole = self.augment is not None and self.world.size > 1 and not self.augment.divides
        self._rows = None if whole else lambda size: self.world.share(size).rows

    def epoch(
        self, batches: Batches, epoch: int, on_step: OnStep, position: Position | None = None
    ) -> dict[str, float]:
        """Learn from every image once, from `position` on, which is kept up to date.

        Returns:
            The mean of the loss, ``train_loss``, of each of its terms, ``train_<term>``, and of a
            clipped gradient's norm, ``grad_norm``; over the batches that a step was taken for.
        """
        self.detector.train()
        at = position or Position(epoch)
        dealt = batches.shuffled(self.seed, epoch, self._rows, at.done)
        for size, batch in zip(batches.sizes[at.done :], dealt, strict=True):
            share = self.world.share(size)
            terms = self.learn(batch, epoch, share)
            at.add(terms, share.images, size)
            on_step(at.done, terms.get("train_loss", _NOTHING), size)
        self.world.average_buffers(self.detector)
        if self.average is not None:
            self.world.average_buffers(self.average.average)
        at.whole, images = self.world.total(at.sums), len(batches.index) - at.skipped_images
        return {name: float(value) / images for name, value in at.whole.items()}

    def fill_cache(self, batches: Batches) -> None:
        """Compute the maps of the training images as the first epoch does, to the last bit."""
        if self.cache is not None:
            for batch in batches.shuffled(self.seed, 1, self._rows):
                self.cache.features(self.detector, batch)

    def learn(self, batch: Batch, epoch: int, share: Share) -> dict[str, Tensor]:
        """Take a step; returns what `epoch` takes the means of, detached; nothing for no step.

        Args:
            batch: the images of `share`, or all where augmentation needs them.
        """
        seed_step(self.seed, epoch, self.step, self.world.rank)
        batch = self._augmented(batch, (self.seed, epoch, self.step), share)
        # The forward pass may change buffers for a batch that is then skipped.
        kept = [item.clone() for item in self.detector.buffers()] if self.skips else []
        terms = self._objective(batch)
        loss = torch.stack(list(terms.values())).sum()
        self.optimizer.zero_grad(set_to_none=True)
        # The mean over the processes becomes that over the whole batch.
        weight = share.images * self.world.size / share.whole
        (loss * weight if self.world.size > 1 else loss).backward()  # type: ignore[no-untyped-call]
        norm = {}
        if self.clip_norm is not None:
            norm["grad_norm"] = clip_grad_norm_(self.detector.parameters(), self.clip_norm)
        judged = torch.stack([loss.detach(), *norm.values()]).sum()
        skipped = self.watch.refuses(judged, batch.index, epoch, self.step, self.world)
        self._change_weights(skipped, kept)
        parts = {f"train_{name}": value.detach() for name, value in terms.items()}
        return {} if skipped else {"train_loss": loss.detach(), **parts, **norm}

    @torch.no_grad()
    def _change_weights(self, skipped: bool, kept: list[Tensor]) -> None:
        if skipped:
            for buffer, before in zip(self.detector.buffers(), kept, strict=True):
                buffer.copy_(before)
        else:
            self.optimizer.step()
            if self.average is not None:
                self.average.update(self.step)
        with warnings.catch_warnings():  # of a first step that is skipped
            warnings.filterwarnings("ignore", "Detected call of `lr_scheduler.step", UserWarning)
            self.schedule.step()
        self.step += 1

    def _augmented(self, batch: Batch, key: tuple[int, ...], share: Share) -> Batch:
        return batch if self.augment is None else self.augment(batch, key, share)
