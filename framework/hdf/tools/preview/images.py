"""The images of one epoch, before and after augmentation, exactly as training takes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hdf.augmentation.pipeline import Augment
from hdf.data.batches import Batches
from hdf.drawing import Shown, panel_of
from hdf.types import Batch, Sample

Pairs = Iterator[tuple[Batch, Batch | None]]
"""Batches as stored, and the same ones augmented; None where nothing is augmented."""


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
