"""From radiographs to boxes, by one or several detectors and views of each image."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from hdf.boxes import clip
from hdf.errors import user_error
from hdf.inference.views import tta_views
from hdf.models.calibration import Calibration
from hdf.models.detector import Detector, ModelSpec
from hdf.runtime.device import Compute
from hdf.types import Detections

TOGETHER = 16
"""Network images per batch."""


@dataclass(frozen=True)
class Prediction:
    """The prediction for one radiograph.

    Attributes:
        detections: at most one box per label, in pixels of the original image, clipped to it.
        doubt: the novelty score, 0 to 1: how much the image differs from the training images. From
            0.5 on it may be no upright frontal chest radiograph. NaN if a detector has no score.
        labels: the names of the detections' labels.
    """

    detections: Detections
    doubt: float
    labels: tuple[str, ...]

    @property
    def boxes(self) -> dict[str, Tensor]:
        """The box float32 [4] of each detected label."""
        return self._by_label(self.detections.boxes)

    @property
    def spreads(self) -> dict[str, Tensor]:
        """One standard deviation per edge, float32 [4], of each label; empty if unknown."""
        spread = self.detections.spread
        return {} if spread is None else self._by_label(spread)

    @property
    def scores(self) -> dict[str, float]:
        """The score in [0, 1] of each detected label."""
        return {k: float(score) for k, score in self._by_label(self.detections.scores).items()}

    def _by_label(self, values: Tensor) -> dict[str, Tensor]:
        names = [self.labels[number] for number in self.detections.labels.tolist()]
        return dict(zip(names, values, strict=True))


def merge(answers: Sequence[Prediction], shape: Sequence[int]) -> Prediction:
    """One prediction from all detectors' answers to all views of an image of [..., H, W].

    The answers are in pixels of the original image, not clipped.
    """
    labels = answers[0].labels
    found = combine([answer.detections for answer in answers], len(labels))
    doubt = sum(answer.doubt for answer in answers) / len(answers)
    clipped = replace(found, boxes=clip(found.boxes, (shape[-2], shape[-1])))
    return Prediction(clipped, doubt, labels)


def common_labels(specs: Sequence[ModelSpec]) -> tuple[str, ...]:
    """The labels that all detectors share, or a `UserError`."""
    if any(spec.labels != specs[0].labels for spec in specs):
        found = " and ".join(sorted({str(list(spec.labels)) for spec in specs}))
        raise user_error(f"the models of an ensemble must detect the same labels, not {found}")
    return specs[0].labels


def combine(answers: Sequence[Detections], labels: int) -> Detections:
    """The mean of the best box of each label.

    The variance of an edge is the mean of the answers' own variances plus the variance between
    their edges (the law of total variance; B. Lakshminarayanan et al., Simple and Scalable
    Predictive Uncertainty Estimation using Deep Ensembles, NeurIPS 2017, section 2.4).

    Args:
        answers: at least one, all in the same pixels.
        labels: the number of labels.

    Returns:
        At most one box per label, in the order of the labels. A score is the mean over all answers,
        with 0 for those without a box. The spread is None if the only answer has none.
    """
    first = answers[0]
    if len(answers) == 1 and first.labels.tolist() == sorted(set(first.labels.tolist())):
        return first
    shape = (len(answers), labels)
    boxes, spreads = torch.full((2, *shape, 4), math.nan)
    scores = torch.zeros(shape)
    for row, answer in enumerate(answers):
        for index in answer.scores.argsort(descending=True, stable=True).flip(0):  # the best last
            at = row, answer.labels[index]
            boxes[at], scores[at] = answer.boxes[index], answer.scores[index]
            if answer.spread is not None:
                spreads[at] = answer.spread[index]
    mean = boxes.nanmean(0)
    between = (boxes - mean).square().nanmean(0)
    spread = (spreads.square().nanmean(0).nan_to_num() + between).sqrt()
    known = len(answers) > 1 or first.spread is not None
    return Detections.one_a_label(mean, scores.sum(0) / len(answers), spread if known else None)


def widest(calibrations: Sequence[Calibration | None]) -> Calibration | None:
    """The calibration of an ensemble: the largest quantile for each label and level.

    This is conservative: the mean of several answers has smaller errors than each of them, and its
    spread includes their differences. There is none if a detector has none, or if levels, labels or
    kinds of spread differ.
    """
    known = [item for item in calibrations if item is not None]
    kinds = {(item.levels, *sorted(item.edges), *sorted(item.fallback_spread)) for item in known}
    if len(known) < len(calibrations) or len(kinds) != 1:
        return None
    first = known[0]
    return Calibration(
        first.levels,
        {label: _maxima(item.edges[label] for item in known) for label in first.edges},
        _maxima(item.ratio for item in known) if all(item.ratio for item in known) else (),
        {
            label: _maxima(item.fallback_spread[label] for item in known)
            for label in first.fallback_spread
        },
    )


def _maxima(values: Iterable[tuple[float, ...]]) -> Any:
    return tuple(map(max, zip(*values, strict=True)))


class Predictor:
    """Predicts for images of any size; safe to call from several threads.

    Attributes:
        labels: the labels that it detects.
        calibration: that of the detectors, the widest of several; None if a detector has none.

    Args:
        detectors: at least one; several form an ensemble (`combine`).
        compute: the device and the precision.
        tta: number of views of each image that are averaged (`hdf.inference.views`).

    Raises:
        UserError: the detectors have different labels.
    """

    def __init__(self, detectors: Sequence[Detector], compute: Compute, tta: int = 1) -> None:
        self.detectors = [_ready(detector, compute) for detector in detectors]
        self.compute = compute
        self.views = tta_views(tta)
        self.labels = common_labels([detector.spec for detector in self.detectors])
        self.calibration = widest([detector.spec.calibration for detector in self.detectors])

    @torch.inference_mode()
    def predict(self, images: Sequence[Tensor]) -> list[Prediction]:
        """The predictions for images.

        Args:
            images: float32 [1, H, W] in [0, 1], bone bright, of any sizes, on the CPU.
        """
        answers: list[list[Prediction]] = [[] for _ in images]
        for detector in self.detectors:
            for number, answer in self._answers(detector, images):
                answers[number].append(answer)
        return [merge(found, image.shape) for found, image in zip(answers, images, strict=True)]

    def _answers(
        self, detector: Detector, images: Sequence[Tensor]
    ) -> Iterator[tuple[int, Prediction]]:
        """The answers to all views of all images, each with the number of its image."""
        spec = detector.spec
        todo = [(number, view) for view in self.views for number in range(len(images))]
        for start in range(0, len(todo), TOGETHER):
            chosen = todo[start : start + TOGETHER]
            seen = [view.apply(images[n], spec.image_size, spec.resize) for n, view in chosen]
            batch = torch.stack([item.image for item in seen]).to(self.compute.device)
            found = self._run(detector, batch)
            for (number, _), item, answer in zip(chosen, seen, found, strict=True):
                yield number, replace(answer, detections=item.to_original(answer.detections))

    def _run(self, detector: Detector, images: Tensor) -> list[Prediction]:
        with self.compute.autocast():
            maps = detector.features(images)
            raw = detector.run_head(maps)
        unknown = [math.nan] * len(images)
        doubts = unknown if detector.doubt is None else detector.doubt(maps).tolist()
        found = [detections.cpu() for detections in detector.decode(raw)]
        return [Prediction(*answer, self.labels) for answer in zip(found, doubts, strict=True)]


def _ready(detector: Detector, compute: Compute) -> Detector:
    """A faster copy, which can't be trained any more."""
    copy = deepcopy(detector).eval()
    fold_batch_norms(copy)
    return copy.to(compute.device).to(memory_format=torch.channels_last)


def fold_batch_norms(model: nn.Module) -> None:
    """Fold each batch norm into the convolution before it in a `Sequential`, in place.

    Results change by rounding only. Layers with hooks stay as they are. The model is in evaluation
    mode, and can't be trained afterwards.

    Source: Jacob et al., Quantization and Training of Neural Networks for Efficient
    Integer-Arithmetic-Only Inference, CVPR 2018, section 3.2.
    """
    for sequence in [item for item in model.modules() if isinstance(item, nn.Sequential)]:
        for number, (layer, norm) in enumerate(pairwise(list(sequence))):
            hooked = any(item._forward_hooks or item._forward_pre_hooks for item in (layer, norm))
            if type(layer) is not nn.Conv2d or type(norm) is not nn.BatchNorm2d:
                continue
            if not hooked and norm.running_mean is not None:
                sequence[number] = fuse_conv_bn_eval(layer, norm)
                sequence[number + 1] = nn.Identity()
