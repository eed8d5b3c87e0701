"""Batches on the device, the same for the same seed, epoch and step."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from hdf.data.store import Store, unpack
from hdf.runtime.workers import in_order
from hdf.types import Batch

Rows = Callable[[int], slice]
"""From the size of a batch to the rows of it that are wanted."""


class Batches:
    """A part of the store, in batches on the store's device.

    Their sizes differ by one at most, so that no epoch ends with a batch of a single image.

    Args:
        index: positions in the store.
        batch_size: the largest number of images in a batch.
    """

    def __init__(self, store: Store, index: Sequence[int], batch_size: int) -> None:
        self.store = store
        self.device = store.targets.boxes.device
        self.index = torch.tensor(index)
        self.sizes = self.sizes_of(len(index), batch_size)

    @staticmethod
    def sizes_of(count: int, batch_size: int) -> list[int]:
        """How many images each batch of an epoch has."""
        steps = math.ceil(count / batch_size)
        return [count // steps + (step < count % steps) for step in range(steps)]

    def __len__(self) -> int:
        return len(self.sizes)

    def in_order(self) -> Iterator[Batch]:
        """Every image once, in the order of `index`."""
        return self._deal(torch.arange(len(self.index)))

    def shuffled(
        self, seed: int, epoch: int, rows: Rows | None = None, start: int = 0
    ) -> Iterator[Batch]:
        """Every image once, in an order of this seed and epoch, from the batch `start` on.

        Args:
            rows: the part of each batch to read; all of it if None.
        """
        order = np.random.default_rng([seed, epoch]).permutation(len(self.index))
        return self._deal(torch.from_numpy(order), rows, start)

    def _deal(self, order: Tensor, rows: Rows | None = None, start: int = 0) -> Iterator[Batch]:
        dealt = list(torch.split(self.index[order], self.sizes))[start:]
        if rows is not None:
            dealt = [positions[rows(len(positions))] for positions in dealt]
        read = self.store.read
        if self.store.files:  # the next batch is read while this one is in use
            stored = in_order(ThreadPoolExecutor(1), read, dealt, ahead=2)
        else:
            stored = map(read, dealt)
        for chosen, (eight_bit, packed) in zip(dealt, stored, strict=True):
            images = eight_bit.to(self.device).float().div_(255)
            targets = self.store.targets[chosen.to(self.device)]
            if packed is not None:
                masks = unpack(packed.to(self.device), self.store.size)
                targets = replace(targets, masks=masks)
            yield Batch(images, targets, chosen)
