"""Where in an epoch training is, and what it has found there so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from hdf.runtime.world import World


@dataclass
class Position:
    """A place between two steps of an epoch.

    Attributes:
        epoch: the one under way, counted from 1.
        done: its batches that have been dealt with.
        sums: of what the epoch's metrics are means of, over this process's images.
        whole: the same over all processes, once the epoch's steps are over.
        skipped: batches that no step was taken for, of all processes.
        skipped_images: how many images they had.
        rate: the learning rate of the epoch's first step.
    """

    epoch: int = 1
    done: int = 0
    sums: dict[str, Tensor] = field(default_factory=dict)
    whole: dict[str, Tensor] | None = None
    skipped: int = 0
    skipped_images: int = 0
    rate: float | None = None

    def add(self, terms: Mapping[str, Tensor], own: int, images: int) -> None:
        """Count a batch of `images`, `own` of them this process's; no terms where it is skipped."""
        for name, value in terms.items():
            self.sums[name] = self.sums.get(name, 0.0) + value * own
        if not terms:
            self.skipped += 1
            self.skipped_images += images
        self.done += 1

    def total(self, world: World) -> dict[str, Tensor]:
        """The sums over all processes, which must all ask, unless the epoch's steps are over."""
        return self.whole if self.whole is not None else world.total(self.sums)

    def state(self, world: World) -> dict[str, Any]:
        """For a checkpoint."""
        return {
            "done": self.done,
            "sums": self.total(world),
            "skipped": self.skipped,
            "skipped_images": self.skipped_images,
            "rate": self.rate,
        }

    @classmethod
    def restored(
        cls, epoch: int, state: Mapping[str, Any], world: World, device: torch.device
    ) -> Position:
        """As it was when `state` was taken; the writer alone goes on with the sums."""
        sums = {name: value.to(device) for name, value in state["sums"].items()}
        if not world.is_writer:
            sums = {name: torch.zeros_like(value) for name, value in sums.items()}
        return cls(epoch, **{**state, "sums": sums})
