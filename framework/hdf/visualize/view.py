"""What a visualizer may look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from hdf import boxes
from hdf.types import Detections, Sample, Target

if TYPE_CHECKING:
    from hdf.models.detector import Detector
    from hdf.visualize.network_images import NetworkImages


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
