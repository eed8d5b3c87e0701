"""Scoring a detector on a part of the store, beside the constant box, which it has to beat."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from hdf.boxes import clip
from hdf.data.batches import Batches
from hdf.data.store import Store
from hdf.evaluation.metrics import Matches, match
from hdf.models.detector import Detector
from hdf.models.feature_cache import FeatureCache, answers
from hdf.runtime.device import Compute
from hdf.runtime.world import ALONE, World
from hdf.types import Detections, Geometry, Target, Targets


@dataclass(frozen=True)
class Evaluation:
    """A detector's answers for one side of the split, in original pixels, and its mean loss."""

    index: list[int]
    targets: list[Target]
    detections: list[Detections]
    matches: Matches
    loss: float

    @property
    def iou_mean(self) -> float:
        return float(self.matches.iou.double().mean())


class Evaluator:
    """Scores a detector on one side of the split.

    Args:
        index: positions in the store.
        constant: the mean training boxes [L, 4], network pixels.
        world: the processes that share the work; each runs the detector on some of the images, and
            all of them get all answers.
        cache: the feature maps of a frozen backbone.
    """

    def __init__(
        self,
        store: Store,
        index: Sequence[int],
        constant: Tensor,
        batch_size: int,
        compute: Compute,
        world: World = ALONE,
        cache: FeatureCache | None = None,
    ) -> None:
        self.store, self.index, self.compute = store, list(index), compute
        self.world, self.cache = world, cache
        own = self.index[world.share(len(self.index)).rows]
        self.batches = Batches(store, own, math.ceil(batch_size / world.size))
        self.targets = [store.originals[i] for i in self.index]
        self.geometry = [store.geometry[i] for i in self.index]
        self.constant = match_constant(self.targets, constant, self.geometry, store.labels)

    @property
    def constant_iou(self) -> float:
        """The mean IoU of always answering the mean training box."""
        return float(self.constant.iou.double().mean())

    @torch.inference_mode()
    def evaluate(self, detector: Detector) -> Evaluation:
        """Run the detector over every image once; all processes must call it together."""
        detector.eval()
        found: list[Detections] = []
        loss = 0.0
        for batch in self.batches.in_order():
            with self.compute.autocast():
                raw = answers(detector, batch, self.cache)
            loss += float(torch.stack(list(detector.loss(raw, batch).values())).sum()) * len(batch)
            found += [detections.cpu() for detections in detector.decode(raw)]
        parts = self.world.gather((found, loss))
        everything = [detections for part, _ in parts for detections in part]
        detections = _to_original(everything, self.geometry)
        matches = match(self.targets, detections, self.store.labels)
        mean = sum(part for _, part in parts) / len(self.index)
        return Evaluation(self.index, self.targets, detections, matches, mean)


def constant_boxes(targets: Targets, labels: int) -> Tensor:
    """The mean training box of each label, float32 [L, 4] in network pixels; NaN if never seen."""
    boxes, present = targets.one_per_label(labels)
    return (boxes * present[..., None]).sum(0) / present.sum(0)[:, None]


def constant_detections(constant: Tensor) -> Detections:
    """The mean boxes as a detector's answer."""
    known = ~constant.isnan().any(-1)
    labels = torch.arange(len(constant))[known]
    return Detections(constant[known], labels, torch.ones(len(labels)))


def match_constant(
    targets: Sequence[Target],
    constant: Tensor,
    geometry: Sequence[Geometry],
    labels: tuple[str, ...],
) -> Matches:
    """`constant_boxes` as the answer to every image, mapped to its pixels by its `geometry`."""
    answers = [constant_detections(constant)] * len(targets)
    return match(targets, _to_original(answers, geometry), labels)


def _to_original(
    detections: Sequence[Detections], geometry: Sequence[Geometry]
) -> list[Detections]:
    found = []
    for at, item in zip(geometry, detections, strict=True):
        mapped = at.detections_to_original(item)
        found.append(replace(mapped, boxes=clip(mapped.boxes, at.original_size)))
    return found
