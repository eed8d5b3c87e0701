"""The images of one epoch, before and after augmentation, exactly as training takes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from hdf.augmentation.pipeline import Augment
from hdf.data.batches import Batches
from hdf.types import Batch, Sample

Pairs = Iterator[tuple[Batch, Batch | None]]
"""Batches as stored, and the same ones augmented; None where nothing is augmented."""


@dataclass(frozen=True)
class Panel:
    """One network image.

    Attributes:
        image: uint8 [H, W].
        boxes: float32 [K, 4] on pixel edges.
        labels: int64 [K], indices into the recipe's ``data.labels``.
    """

    image: Tensor
    boxes: Tensor
    labels: Tensor


@dataclass(frozen=True)
class Shown:
    """An image of the data set.

    Attributes:
        id: the sample's.
        stored: read, resized and kept in 8 bits.
        augmented: what training makes of it; None where nothing is augmented.
        further: what it makes of it with other random numbers.
    """

    id: str
    stored: Panel
    augmented: Panel | None = None
    further: tuple[Panel, ...] = ()

    @property
    def panels(self) -> list[Panel]:
        augmented = [] if self.augmented is None else [self.augmented]
        return [self.stored, *augmented, *self.further]

    @property
    def note(self) -> str:
        """What a person should know of its boxes; empty where all is well."""
        boxes = len(self.stored.boxes)
        if boxes == 0:
            return "no box"
        left = min(len(panel.boxes) for panel in self.panels)
        if left == 0:
            return "no box left"
        return f"{left} of {boxes} boxes left" if left < boxes else ""


def epoch_pairs(batches: Batches, augment: Augment | None, seed: int, epoch: int) -> Pairs:
    """The batches of a training epoch, in its own order and with its own random numbers.

    Args:
        augment: None to leave them as they are.
        epoch: counted from 1.
    """
    first = (epoch - 1) * len(batches)
    for step, batch in enumerate(batches.shuffled(seed, epoch), first):
        yield batch, None if augment is None else augment(batch, (seed, epoch, step))


def first_images(pairs: Pairs, samples: Sequence[Sample], count: int) -> list[Shown]:
    """The first `count` images, or all where there are fewer.

    No batch is made beyond the one that holds the last of them.
    """
    shown: list[Shown] = []
    for stored, augmented in pairs:
        for row in range(min(len(stored), count - len(shown))):
            changed = None if augmented is None else panel_of(augmented, row)
            shown.append(Shown(samples[int(stored.index[row])].id, panel_of(stored, row), changed))
        if len(shown) == count:
            break
    return shown


def panel_of(batch: Batch, row: int) -> Panel:
    """An image of a batch, with the boxes that it has."""
    eight_bit = (batch.images[row, 0] * 255).round().to(torch.uint8)
    valid = batch.targets.valid[row]
    boxes, labels = batch.targets.boxes[row][valid], batch.targets.labels[row][valid]
    return Panel(eight_bit.cpu(), boxes.cpu(), labels.cpu())
