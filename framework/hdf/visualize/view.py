"""What a visualizer may look at: validation images, and images as the network gets them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from hdf import boxes
from hdf.types import Batch, Detections, Geometry, Sample, Target

if TYPE_CHECKING:  # plugins import this module to be checked, and need none of these
    from hdf.augmentation.pipeline import Augment
    from hdf.data.batches import Batches
    from hdf.data.store import Store
    from hdf.models.detector import Detector


@dataclass(frozen=True)
class View:
    """The validation set as the run sees it, in the pixels of the original images.

    Attributes:
        labels: the recipe's ``data.labels``; `Detections.labels` are indices into it.
        samples: the validation samples, in the order of `targets` and `detections`.
        targets: true boxes; only labels that the recipe names, clipped to the image.
        detections: predicted boxes.
        history: the lines of ``metrics.jsonl`` so far, oldest first: ``epoch``, ``train_loss``,
            ``val_loss``, ``iou_mean``, ``constant_box_iou``, ``lr`` and the head's loss terms.
            Lines of epochs without validation lack its keys.
        metrics: the validation metrics, as in ``summary.json``.
        detector: the trained model, in evaluation mode.
        network: the images as the network gets them, resized and on the detector's device.
    """

    labels: tuple[str, ...]
    samples: Sequence[Sample]
    targets: Sequence[Target]
    detections: Sequence[Detections]
    history: Sequence[Mapping[str, float]]
    metrics: Mapping[str, object]
    detector: Detector
    network: NetworkImages

    def image(self, index: int) -> Tensor:
        """The original image, float32 [1, H, W] in [0, 1]; read anew at each call."""
        return self.samples[index].read()

    def pairs(self, index: int) -> list[tuple[str, Tensor, Tensor | None]]:
        """For each true box of an image: its label, the box [4] and the best detection [4]."""
        target, found = self.targets[index], self.detections[index]
        return [
            (label, box, found.best(self.labels.index(label)))
            for label, box in zip(target.labels, target.boxes, strict=True)
        ]

    def iou(self, index: int) -> float:
        """Mean IoU over an image's true boxes, 0 where none was found; NaN without true boxes."""
        scores = [
            boxes.iou(box, found) if found is not None else torch.tensor(0.0)
            for _, box, found in self.pairs(index)
        ]
        return float(torch.stack(scores).mean()) if scores else float("nan")


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

    def _batches(self, places: Sequence[int], size: int) -> Batches:
        from hdf.data.batches import Batches

        return Batches(self.store, places, size)

    def batch(self, indices: Sequence[int]) -> Batch:
        """Samples of the view, by their index there; at least one."""
        places = [self.val[index] for index in indices]
        return next(self._batches(places, len(places)).in_order())

    def geometry(self, index: int) -> Geometry:
        """How a sample of the view was placed into the network's image."""
        return self.store.geometry[self.val[index]]

    def training_batch(self) -> Batch:
        """The first batch of the first epoch, before augmentation."""
        return next(self._batches(self.train, self.batch_size).shuffled(self.seed, 1))

    def augmented(self, batch: Batch, draw: int = 1) -> Batch:
        """A training batch as augmentation makes it.

        Args:
            draw: which random numbers; draw 1 of `training_batch` is what training began with.
        """
        return batch if self.augment is None else self.augment(batch, (self.seed, draw, 0))

    def training_samples(self, batch: Batch) -> list[Sample]:
        """Which images a training batch is made of."""
        return [self.store.samples[place] for place in batch.index.tolist()]
