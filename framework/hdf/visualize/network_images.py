"""A run's images as its network gets them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hdf.augmentation.pipeline import Augment
from hdf.data.batches import Batches
from hdf.data.store import Store
from hdf.types import Batch, Geometry, Sample


@dataclass(frozen=True)
class NetworkImages:
    """Resized images with their boxes, on the run's device.

    Attributes:
        store: all images of the run.
        val: the place in `store` of each sample of the view.
        train: the places of the training images.
        batch_size: of training.
        augment: what happens to training batches; None without augmentation.
        seed: the recipe's.
    """

    store: Store
    val: Sequence[int]
    train: Sequence[int]
    batch_size: int
    augment: Augment | None
    seed: int

    def batch(self, indices: Sequence[int]) -> Batch:
        """Samples of the view, by their index there; at least one."""
        places = [self.val[index] for index in indices]
        return next(Batches(self.store, places, len(places)).in_order())

    def geometry(self, index: int) -> Geometry:
        """How a sample of the view was placed into the network's image."""
        return self.store.geometry[self.val[index]]

    def training_batch(self) -> Batch:
        """The first batch of the first epoch, before augmentation."""
        return next(Batches(self.store, self.train, self.batch_size).shuffled(self.seed, 1))

    def augmented(self, batch: Batch, draw: int = 1) -> Batch:
        """A training batch as augmentation makes it.

        Args:
            draw: which random numbers; draw 1 of `training_batch` is what training began with.
        """
        return batch if self.augment is None else self.augment(batch, (self.seed, draw, 0))

    def training_samples(self, batch: Batch) -> list[Sample]:
        """Which images a training batch is made of."""
        return [self.store.samples[place] for place in batch.index.tolist()]
