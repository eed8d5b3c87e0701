"""COCO's average precision (Lin et al. 2014, arXiv:1405.0312), by pycocotools."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from hdf.evaluation.metrics import Columns, Matches
from hdf.types import Detections

if TYPE_CHECKING:
    from pycocotools.coco import COCO

PRECISIONS = ("ap", "ap_50", "ap_75")
_THRESHOLDS = {"ap": slice(None), "ap_50": slice(0, 1), "ap_75": slice(5, 6)}
"""Positions among the IoU thresholds 0.5, 0.55 … 0.95."""


@dataclass(frozen=True)
class Found(Columns):
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


def average_precision(
    images: Sequence[str], matches: Matches, found: Found
) -> dict[str, dict[str, float]]:
    """Precision averaged over recall 0, 0.01 … 1, at most 100 detections an image.

    Detections of equal score count in the order of the images' names.

    Args:
        images: the name of each image; `matches` and `found` refer to them by position.

    Returns:
        For each label with a true box ``ap`` (the mean over the IoU thresholds 0.5, 0.55 … 0.95),
        ``ap_50`` and ``ap_75``, each in [0, 1].
    """
    from pycocotools.cocoeval import COCOeval

    names = sorted(set(matches.label))
    wanted = found.part(torch.tensor([label in names for label in found.label], dtype=torch.bool))
    there = sorted({*matches.image.tolist(), *wanted.image.tolist()}, key=images.__getitem__)
    with redirect_stdout(StringIO()):  # it prints
        ones = torch.ones(len(matches.true))
        true = Found(matches.image, matches.label, ones, matches.true)
        judge = COCOeval(_in_coco(there, names, true), _in_coco(there, names, wanted), "bbox")
        judge.params.iouThrs = torch.linspace(0.5, 0.95, 10).double().numpy()
        judge.params.recThrs = torch.linspace(0, 1, 101).double().numpy()
        judge.evaluate()
        judge.accumulate()
    # [threshold, recall, label, area, detections]
    precision = torch.from_numpy(judge.eval["precision"])
    return {
        name: {
            key: float(precision[chosen, :, index, 0, -1].mean())
            for key, chosen in _THRESHOLDS.items()
        }
        for index, name in enumerate(names)
    }


def _in_coco(there: Sequence[int], names: Sequence[str], boxes: Found) -> COCO:
    """Boxes as pycocotools reads them.

    Args:
        there: the images, in the order that breaks ties between scores.
        names: of the labels.
    """
    from pycocotools.coco import COCO

    number = {index: position for position, index in enumerate(there)}
    corners = boxes.box[:, :2]
    edges = torch.cat([corners, boxes.box[:, 2:] - corners], 1).tolist()
    rows = zip(boxes.image.tolist(), boxes.label, edges, boxes.score.tolist(), strict=True)
    data = COCO()
    data.dataset = {
        "images": [{"id": position} for position in number.values()],
        "categories": [{"id": position} for position in range(len(names))],
        "annotations": [
            {
                "id": row + 1,  # pycocotools takes 0 for no match
                "image_id": number[index],
                "category_id": names.index(name),
                "bbox": corner_and_sides,
                "area": corner_and_sides[2] * corner_and_sides[3],
                "iscrowd": 0,
                "score": value,
            }
            for row, (index, name, corner_and_sides, value) in enumerate(rows)
        ],
    }
    data.createIndex()
    return data
