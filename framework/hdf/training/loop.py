"""One pass over the training images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.optim.lr_scheduler import LambdaLR

from hdf.augment import Augment
from hdf.compute import Compute
from hdf.data.batches import Batches
from hdf.detector import Detector
from hdf.training.seeds import seed_step
from hdf.types import Batch

OnStep = Callable[[int, Tensor, int], None]
"""Called with (steps done, the loss, images in the step)."""


@dataclass
class Learner:
    """A detector and what changes it.

    Attributes:
        step: optimiser steps taken so far.
    """

    detector: Detector
    augment: Augment | None
    optimizer: torch.optim.Optimizer
    schedule: LambdaLR
    compute: Compute
    seed: int
    step: int = field(default=0)

    def epoch(self, batches: Batches, epoch: int, on_step: OnStep) -> dict[str, float]:
        """Learn from every image once.

        Args:
            epoch: counted from 1.

        Returns:
            The mean of the loss, ``train_loss``, and of each of its terms, ``train_<term>``.
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
        """Take one optimiser step; returns the loss and its terms, detached."""
        seed_step(self.seed, epoch, self.step)
        if self.augment is not None:
            batch = self.augment(batch, (self.seed, epoch, self.step))
        with self.compute.autocast():
            raw = self.detector(batch.images)
        terms = self.detector.loss(raw, batch)
        loss = torch.stack(list(terms.values())).sum()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        self.schedule.step()
        self.step += 1
        parts = {f"train_{name}": value.detach() for name, value in terms.items()}
        return {"train_loss": loss.detach(), **parts}
