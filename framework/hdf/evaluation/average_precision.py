"""COCO's average precision (Lin et al. 2014, arXiv:1405.0312), by pycocotools."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from hdf.evaluation.metrics import Matches, joined_positions
from hdf.types import Detections

PRECISIONS = ("ap", "ap_50", "ap_75")
_THRESHOLDS = {"ap": slice(None), "ap_50": slice(0, 1), "ap_75": slice(5, 6)}
"""Positions among the IoU thresholds 0.5, 0.55 … 0.95."""


@dataclass(frozen=True)
class Found:
    """Every detection, matched or not.

    Attributes:
        image: int64 [K], position of the image.
        label: K names.
        score: float32 [K] in [0, 1].
        box: float32 [K, 4] in pixels.
    """

    image: Tensor
    label: list[str]
    score: Tensor
    box: Tensor

    @classmethod
    def of(cls, detections: Sequence[Detections], labels: Sequence[str]) -> Found:
        """The detections of many images."""
        counts = torch.tensor([len(item.labels) for item in detections])
        return cls(
            torch.arange(len(detections)).repeat_interleave(counts),
            [labels[number] for item in detections for number in item.labels.tolist()],
            torch.cat([item.scores for item in detections]),
            torch.cat([item.boxes for item in detections]),
        )

    @classmethod
    def joined(cls, parts: Sequence[Found], images: Iterable[int]) -> Found:
        """One after the other, of `images` images each."""
        return cls(
            joined_positions([item.image for item in parts], images),
            [label for item in parts for label in item.label],
            torch.cat([item.score for item in parts]),
            torch.cat([item.box for item in parts]),
        )

    def part(self, rows: Tensor) -> Found:
        """The detections where `rows`, bool [K], is set."""
        labels = [self.label[index] for index in rows.nonzero()[:, 0].tolist()]
        return Found(self.image[rows], labels, self.score[rows], self.box[rows])


def average_precision(
    images: Sequence[str], matches: Matches, found: Found
) -> dict[str, dict[str, float]]:
    """Precision averaged over recall 0, 0.01 … 1, at most 100 detections an image.

    Detections of equal score count in the order of the images' names.

    Args:
        images: the name of each image; `matches` and `found` hold positions in it.

    Returns:
        For each label with a true box ``ap`` (the mean over the IoU thresholds 0.5, 0.55 … 0.95),
        ``ap_50`` and ``ap_75``, each in [0, 1].
    """
    from torchmetrics.detection import MeanAveragePrecision  # not above: it takes seconds to import

    names = sorted(set(matches.label))
    number = {name: index for index, name in enumerate(names)}
    true = _by_image(matches.image, matches.label, matches.true, number)
    boxes = _by_image(found.image, found.label, found.box, number)
    scores = _by_image(found.image, found.label, found.score[:, None], number)
    order = sorted(true.keys() | boxes.keys(), key=images.__getitem__)
    # One process has all detections; torchmetrics would wait for the other processes' own.
    metric = MeanAveragePrecision(
        backend="pycocotools", extended_summary=True, sync_on_compute=False
    )
    metric.warn_on_many_detections = False
    metric.update(
        [
            {"boxes": boxes[i][0], "labels": boxes[i][1], "scores": scores[i][0].flatten()}
            for i in order
        ],
        [{"boxes": true[i][0], "labels": true[i][1]} for i in order],
    )
    precision = metric.compute()["precision"]  # [threshold, recall, label, area, detections]
    return {
        name: {
            key: float(precision[chosen, :, index, 0, -1].mean())
            for key, chosen in _THRESHOLDS.items()
        }
        for name, index in number.items()
    }


def _by_image(
    image: Tensor, label: Sequence[str], values: Tensor, number: dict[str, int]
) -> dict[int, tuple[Tensor, Tensor]]:
    """The values, float [n, …], and label numbers, int64 [n], of each image."""
    rows: dict[int, list[int]] = defaultdict(list)
    for row, (index, name) in enumerate(zip(image.tolist(), label, strict=True)):
        if name in number:
            rows[index].append(row)
    nothing = (values[:0], torch.zeros(0, dtype=torch.int64))
    found: dict[int, tuple[Tensor, Tensor]] = defaultdict(lambda: nothing)
    for index, chosen in rows.items():
        found[index] = (values[chosen], torch.tensor([number[label[row]] for row in chosen]))
    return found
