"""Batches on the device, the same for the same seed, epoch and step."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from hdf.data.image_file import ImageFile
from hdf.data.store import Store
from hdf.types import Batch


class Batches:
    """A part of the store, in batches on the store's device.

    The images of an epoch are dealt into batches whose sizes differ by one at most, so that no
    epoch ends with a batch of a single image.

    Args:
        index: positions in the store.
        batch_size: the largest number of images in a batch.
    """

    def __init__(self, store: Store, index: Sequence[int], batch_size: int) -> None:
        self.store = store
        self.device = store.targets.boxes.device
        self.index = torch.tensor(index)
        self.steps = math.ceil(len(index) / batch_size)

    def __len__(self) -> int:
        return self.steps

    def in_order(self) -> Iterator[Batch]:
        """Every image once, in the order of `index`."""
        return self._deal(torch.arange(len(self.index)))

    def shuffled(self, seed: int, epoch: int) -> Iterator[Batch]:
        """Every image once, in an order of this seed and epoch."""
        order = np.random.default_rng([seed, epoch]).permutation(len(self.index))
        return self._deal(torch.from_numpy(order))

    def _deal(self, order: Tensor) -> Iterator[Batch]:
        dealt = self.index[order].tensor_split(self.steps)
        for chosen, eight_bit in zip(dealt, self._images(dealt), strict=True):
            here = chosen.to(self.device)
            yield Batch(eight_bit.float().div_(255), self.store.targets[here], chosen)

    def _images(self, dealt: Sequence[Tensor]) -> Iterator[Tensor]:
        images = self.store.images
        if isinstance(images, Tensor):
            return (images[chosen.to(self.device)] for chosen in dealt)
        return (batch.to(self.device) for batch in _ahead(images, dealt))


def _ahead(images: ImageFile, dealt: Sequence[Tensor]) -> Iterator[Tensor]:
    """Batches from the file; the next one is read while this one is computed with."""
    with ThreadPoolExecutor(1) as reader:
        coming = reader.submit(images.__getitem__, dealt[0])
        for following in dealt[1:]:
            ready, coming = coming.result(), reader.submit(images.__getitem__, following)
            yield ready
        yield coming.result()
