"""From radiographs to boxes: one detector or several, one view of each image or several."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from hdf.boxes import clip
from hdf.compute import Compute
from hdf.detector import Detector
from hdf.errors import user_error
from hdf.inference.calibrations import widest
from hdf.inference.combine import combine
from hdf.inference.views import Seen, View, views
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
        self.labels = self.detectors[0].spec.labels
        if any(detector.spec.labels != self.labels for detector in self.detectors):
            found = " and ".join(sorted({str(list(d.spec.labels)) for d in self.detectors}))
            raise user_error(f"models that answer together must find the same labels, not {found}")
        self.calibration = widest([detector.spec.calibration for detector in self.detectors])

    @torch.inference_mode()
    def predict(self, images: Sequence[Tensor]) -> list[Prediction]:
        """What is found in each image.

        Args:
            images: float32 [1, H, W] in [0, 1], bone bright, each of its own size, on the CPU.
        """
        answers: list[list[_Answer]] = [[] for _ in images]
        for detector in self.detectors:
            for number, answer in self._answers(detector, images):
                answers[number].append(answer)
        return [
            Prediction(
                self._joined(image, [answer.detections for answer in found]),
                sum(answer.doubt for answer in found) / len(found),
                self.labels,
            )
            for image, found in zip(images, answers, strict=True)
        ]

    def _joined(self, image: Tensor, answers: Sequence[Detections]) -> Detections:
        height, width = image.shape[-2:]
        joined = combine(answers, len(self.labels))
        return replace(joined, boxes=clip(joined.boxes, (height, width)))

    def _answers(
        self, detector: Detector, images: Sequence[Tensor]
    ) -> Iterator[tuple[int, _Answer]]:
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

    def _run(self, detector: Detector, images: Tensor) -> list[_Answer]:
        with self.compute.autocast():
            maps = detector.features(images)
            raw = detector.run_head(maps)
        doubts = (
            [math.nan] * len(images) if detector.doubt is None else detector.doubt(maps).tolist()
        )
        found = [detections.cpu() for detections in detector.decode(raw)]
        return list(map(_Answer, found, doubts))


class _Answer(NamedTuple):
    """What one detector says of one view."""

    detections: Detections
    doubt: float


def _seen(detector: Detector, image: Tensor, view: View) -> Seen:
    return view.see(image, detector.spec.image_size, detector.spec.resize)


def _ready(detector: Detector, compute: Compute) -> Detector:
    return detector.to(compute.device).to(memory_format=torch.channels_last).eval()
