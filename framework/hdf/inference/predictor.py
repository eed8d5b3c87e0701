"""From radiographs to boxes: one detector or several, one view of each image or several."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from hdf.boxes import clip
from hdf.errors import user_error
from hdf.inference.calibrations import widest
from hdf.inference.combine import combine
from hdf.inference.folding import fold_batch_norms
from hdf.inference.views import Seen, View, views
from hdf.models.detector import Detector, ModelSpec
from hdf.runtime.device import Compute
from hdf.types import Detections

TOGETHER = 16
"""Network images that are computed with at a time."""


@dataclass(frozen=True)
class Prediction:
    """What is found in one radiograph.

    Attributes:
        detections: at most one box a label, in pixels of the original image and cut to it.
        doubt: how unlike the training images it is, 0 to 1; from 0.5 on it may be no upright
            frontal chest radiograph. NaN where a detector can't tell.
        labels: the names that the detections' labels stand for.
    """

    detections: Detections
    doubt: float
    labels: tuple[str, ...]

    @property
    def boxes(self) -> dict[str, Tensor]:
        """The box float32 [4] of each label that was found."""
        return self._by_label(self.detections.boxes)

    @property
    def spreads(self) -> dict[str, Tensor]:
        """One standard deviation an edge, float32 [4], of each label; empty where none is known."""
        spread = self.detections.spread
        return {} if spread is None else self._by_label(spread)

    @property
    def scores(self) -> dict[str, float]:
        """The score in [0, 1] of each label that was found."""
        scores = self._by_label(self.detections.scores)
        return {label: float(score) for label, score in scores.items()}

    def _by_label(self, values: Tensor) -> dict[str, Tensor]:
        names = [self.labels[number] for number in self.detections.labels.tolist()]
        return dict(zip(names, values, strict=True))


class ViewAnswer(NamedTuple):
    """What one detector says of one view, in pixels of the original image."""

    detections: Detections
    doubt: float


def joined(
    answers: Sequence[ViewAnswer], size: tuple[int, int], labels: tuple[str, ...]
) -> Prediction:
    """One prediction from the answers of all detectors to all views of an image.

    Args:
        size: (height, width) of the image.
    """
    found = combine([answer.detections for answer in answers], len(labels))
    doubt = sum(answer.doubt for answer in answers) / len(answers)
    return Prediction(replace(found, boxes=clip(found.boxes, size)), doubt, labels)


def common_labels(specs: Sequence[ModelSpec]) -> tuple[str, ...]:
    """What all of several detectors find.

    Raises:
        UserError: they do not find the same labels.
    """
    if any(spec.labels != specs[0].labels for spec in specs):
        found = " and ".join(sorted({str(list(spec.labels)) for spec in specs}))
        raise user_error(f"models that answer together must find the same labels, not {found}")
    return specs[0].labels


class Predictor:
    """Answers for images of any size; it may be called from several threads at once.

    Attributes:
        labels: what it finds.
        calibration: the detectors' own, the widest of several; None where one has none.

    Args:
        detectors: at least one; several answer together (`hdf.inference.combine`).
        compute: where, and in which precision.
        tta: how many views of each image are averaged (`hdf.inference.views`).

    Raises:
        UserError: the detectors do not find the same labels.
    """

    def __init__(self, detectors: Sequence[Detector], compute: Compute, tta: int = 1) -> None:
        self.detectors = [_ready(detector, compute) for detector in detectors]
        self.compute = compute
        self.views = views(tta)
        self.labels = common_labels([detector.spec for detector in self.detectors])
        self.calibration = widest([detector.spec.calibration for detector in self.detectors])

    @torch.inference_mode()
    def predict(self, images: Sequence[Tensor]) -> list[Prediction]:
        """What is found in each image.

        Args:
            images: float32 [1, H, W] in [0, 1], bone bright, each of its own size, on the CPU.
        """
        answers: list[list[ViewAnswer]] = [[] for _ in images]
        for detector in self.detectors:
            for number, answer in self._answers(detector, images):
                answers[number].append(answer)
        return [
            joined(found, (image.shape[-2], image.shape[-1]), self.labels)
            for image, found in zip(images, answers, strict=True)
        ]

    def _answers(
        self, detector: Detector, images: Sequence[Tensor]
    ) -> Iterator[tuple[int, ViewAnswer]]:
        """An image's number and what one of its views shows, in original pixels; for all views."""
        todo = [(number, view) for view in self.views for number in range(len(images))]
        for start in range(0, len(todo), TOGETHER):
            chosen = todo[start : start + TOGETHER]
            seen = [_seen(detector, images[number], view) for number, view in chosen]
            batch = torch.stack([item.image for item in seen]).to(self.compute.device)
            for (number, _), item, answer in zip(
                chosen, seen, self._run(detector, batch), strict=True
            ):
                yield number, answer._replace(detections=item.to_original(answer.detections))

    def _run(self, detector: Detector, images: Tensor) -> list[ViewAnswer]:
        with self.compute.autocast():
            maps = detector.features(images)
            raw = detector.run_head(maps)
        doubts = (
            [math.nan] * len(images) if detector.doubt is None else detector.doubt(maps).tolist()
        )
        found = [detections.cpu() for detections in detector.decode(raw)]
        return list(map(ViewAnswer, found, doubts))


def _seen(detector: Detector, image: Tensor, view: View) -> Seen:
    return view.see(image, detector.spec.image_size, detector.spec.resize)


def _ready(detector: Detector, compute: Compute) -> Detector:
    """A copy that answers more quickly and can't learn; the caller's may go on to."""
    copy = deepcopy(detector).eval()
    fold_batch_norms(copy)
    return copy.to(compute.device).to(memory_format=torch.channels_last)
