"""A detector and the constant box on the same true boxes: all metrics of ``summary.json``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from hdf.evaluation.metrics import (
    Columns,
    Matches,
    box_metrics,
    iou_spread,
    mean_interval,
    of_name,
)
from hdf.evaluation.ratio_metrics import ratio_metrics
from hdf.types import Detections, Sample

if TYPE_CHECKING:
    from pycocotools.coco import COCO

_THRESHOLDS = {"ap": slice(None), "ap_50": slice(0, 1), "ap_75": slice(5, 6)}
"""Positions among the IoU thresholds 0.5, 0.55 … 0.95."""


@dataclass(frozen=True)
class Found(Columns):
    """Every detection, matched or not.

    Attributes:
        image: int64 [K], position of the image.
        score: float32 [K] in [0, 1].
        box: float32 [K, 4] in pixels.
        spread: float32 [K, 4], one standard deviation of each edge; NaN if the head has none.
    """

    image: Tensor
    label: list[str]
    score: Tensor
    box: Tensor
    spread: Tensor

    @classmethod
    def of(cls, detections: Sequence[Detections], labels: Sequence[str]) -> Found:
        """The detections of many images."""
        counts = torch.tensor([len(item.labels) for item in detections])
        spreads = [
            torch.full_like(item.boxes, torch.nan) if item.spread is None else item.spread
            for item in detections
        ]
        return cls(
            torch.arange(len(detections)).repeat_interleave(counts),
            [labels[number] for item in detections for number in item.labels.tolist()],
            torch.cat([item.scores for item in detections]),
            torch.cat([item.boxes for item in detections]),
            torch.cat(spreads),
        )


@dataclass(frozen=True)
class Comparison:
    """Every true box with the detector's box and the constant one, and every detection.

    Attributes:
        images: the id of each image.
        sources: the data set that each image came from.
        matches: the detector's, M true boxes; `Matches.image` is a position in `images`.
        constant: those of the mean training box, row by row for the same true boxes; nothing is
            found for a label without training boxes.
        found: all detections, also those without a true box.
    """

    images: list[str]
    sources: list[str]
    matches: Matches
    constant: Matches
    found: Found

    @classmethod
    def of(
        cls,
        samples: Sequence[Sample],
        matches: Matches,
        constant: Matches,
        detections: Sequence[Detections],
        labels: Sequence[str],
    ) -> Comparison:
        """The answers for `samples` beside the constant box's, in the same order."""
        ids, sources = [sample.id for sample in samples], [sample.source for sample in samples]
        return cls(ids, sources, matches, constant, Found.of(detections, labels))

    @classmethod
    def concatenate(cls, parts: Sequence[Comparison]) -> Comparison:
        """Comparisons of different images, one after the other."""
        counts = [len(part.images) for part in parts]
        return cls(
            [image for part in parts for image in part.images],
            [source for part in parts for source in part.sources],
            Matches.concatenate([part.matches for part in parts], counts),
            Matches.concatenate([part.constant for part in parts], counts),
            Found.concatenate([part.found for part in parts], counts),
        )

    def metrics(self, labels: Sequence[str]) -> dict[str, Any]:
        """The validation part of ``summary.json``; of each label and source if several."""
        precision = average_precision(self.images, self.matches, self.found)
        metrics = self._scores(precision)
        if len(labels) > 1:
            names = dict.fromkeys(self.matches.label)
            metrics["labels"] = {name: self.of_label(name)._scores(precision) for name in names}
        sources = dict.fromkeys(self.sources[index] for index in self.matches.image.tolist())
        if len(sources) > 1:
            metrics["sources"] = {name: self.of_source(name).metrics(()) for name in sources}
        return metrics

    def of_label(self, name: str) -> Comparison:
        """The true boxes and the detections of one label."""
        return self._part(of_name(self.matches.label, name), of_name(self.found.label, name))

    def of_source(self, name: str) -> Comparison:
        """The true boxes and the detections of one source's images."""
        here = of_name(self.sources, name)
        return self._part(here[self.matches.image], here[self.found.image])

    def _part(self, rows: Tensor, found: Tensor) -> Comparison:
        matches, constant = self.matches.part(rows), self.constant.part(rows)
        return Comparison(self.images, self.sources, matches, constant, self.found.part(found))

    def _scores(self, precision: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
        """`box_metrics`, the constant box's, the labels' average precision and the ratio."""
        constant = self.constant.iou.double()
        above = self.matches.iou.double() - constant
        labels = [precision[name] for name in dict.fromkeys(self.matches.label)]
        ratio = ratio_metrics(self.matches, self.constant)
        return {
            **box_metrics(self.matches),
            **{key: sum(item[key] for item in labels) / len(labels) for key in _THRESHOLDS},
            "constant_box_iou": float(constant.mean()),
            **{f"constant_box_{key}": x for key, x in iou_spread(self.constant).items()},
            "above_constant_box": float(above.mean()),
            "above_constant_box_95": mean_interval(above, self.matches.image),
            **({} if ratio is None else {"ratio": ratio}),
        }


def average_precision(
    images: Sequence[str], matches: Matches, found: Found
) -> dict[str, dict[str, float]]:
    """COCO's average precision (Lin et al. 2014, arXiv:1405.0312), by pycocotools.

    Precision is averaged over recall 0, 0.01 … 1, with at most 100 detections an image. Detections
    of equal score count in the order of the images' names.

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
    certain = torch.ones(len(matches.true))
    true = Found(matches.image, matches.label, certain, matches.true, matches.spread)
    with redirect_stdout(StringIO()):  # it prints
        judge = COCOeval(_in_coco(there, names, true), _in_coco(there, names, wanted), "bbox")
        judge.params.iouThrs = torch.linspace(0.5, 0.95, 10).double().numpy()
        judge.params.recThrs = torch.linspace(0, 1, 101).double().numpy()
        judge.evaluate()
        judge.accumulate()
    precision = judge.eval["precision"][..., 0, -1]  # [threshold, recall, label]
    return {
        name: {key: float(precision[at, :, index].mean()) for key, at in _THRESHOLDS.items()}
        for index, name in enumerate(names)
    }


def _in_coco(there: Sequence[int], names: Sequence[str], boxes: Found) -> COCO:
    """Boxes as pycocotools reads them; the order of the images `there` breaks ties of scores."""
    from pycocotools.coco import COCO

    number = {index: position for position, index in enumerate(there)}
    sides = boxes.box[:, 2:] - boxes.box[:, :2]
    places = torch.cat([boxes.box[:, :2], sides], 1).tolist()
    rows = zip(boxes.image.tolist(), boxes.label, places, boxes.score.tolist(), strict=True)
    data = COCO()
    data.dataset = {
        "images": [{"id": position} for position in number.values()],
        "categories": [{"id": position} for position in range(len(names))],
        "annotations": [
            {
                "id": row + 1,  # pycocotools takes 0 for no match
                "image_id": number[index],
                "category_id": names.index(name),
                "bbox": place,
                "area": place[2] * place[3],
                "iscrowd": 0,
                "score": score,
            }
            for row, (index, name, place, score) in enumerate(rows)
        ],
    }
    data.createIndex()
    return data
