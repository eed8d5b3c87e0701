"""A model on a labelled folder that it has not seen: every metric that a run has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hdf.data.dataset import samples_of
from hdf.data.decode import attempted, fault_of, read_pixels, target_of
from hdf.data.resize import place
from hdf.errors import UserError, user_error
from hdf.evaluation.average_precision import Found
from hdf.evaluation.baseline import constant_boxes
from hdf.evaluation.comparison import Comparison
from hdf.evaluation.coverage import coverage
from hdf.evaluation.evaluate import match_constant
from hdf.evaluation.metrics import Matches, match
from hdf.inference.predictor import Predictor
from hdf.models.build import build
from hdf.models.detector import ModelSpec
from hdf.recipe.check import part_of
from hdf.registry.registry import Registry
from hdf.runtime.workers import map_samples
from hdf.types import Detections, Sample, Target, pad_targets

TABLE_LOADER = "csv_boxes"
"""What reads a folder and its table, where no recipe says what does."""
TOGETHER = 16
"""Images in memory at a time."""


@dataclass(frozen=True)
class Assessment:
    """What a model says of a labelled folder, in the pixels of the original images.

    Attributes:
        labels: what the model finds.
        samples: the images, in the order of the other lists.
        sizes: (height, width) of each.
        targets: true boxes of the model's labels.
        detections: what was found.
    """

    labels: tuple[str, ...]
    samples: list[Sample] = field(default_factory=list)
    sizes: list[tuple[int, int]] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)
    detections: list[Detections] = field(default_factory=list)


def list_folder(registry: Registry, images: Path, table: Path) -> list[Sample]:
    """The images that a table names, by the loader `TABLE_LOADER`.

    Raises:
        UserError: with all that is wrong with the folder, the table and its rows.
    """
    use = {"use": TABLE_LOADER, "images": str(images), "table": str(table), "unlisted": "ignore"}
    part = part_of(registry, "loader", use, str(table))
    samples = samples_of(part, build(part))
    faults = [fault for sample in samples if (fault := fault_of(sample)) is not None]
    if faults:
        raise UserError.joined(faults)
    return samples


def assess(
    predictor: Predictor,
    samples: Sequence[Sample],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Assessment:
    """Read every image once, and let the model answer.

    Args:
        progress: called with (images done, images in all).

    Raises:
        UserError: with all images that can't be read and all boxes that can't be right, or where
            no box is of the model's labels.
    """
    found = Assessment(predictor.labels)
    faults: list[UserError] = []
    for start in range(0, len(samples), TOGETHER):
        chosen = samples[start : start + TOGETHER]
        read = partial(attempted, partial(_read, labels=predictor.labels))
        results = list(map_samples(read, chosen))
        faults += [result for result in results if isinstance(result, UserError)]
        if not faults:
            _answer(predictor, chosen, results, found)
        progress(start + len(chosen), len(samples))
    if faults:
        raise UserError.joined(faults)
    _refuse_no_boxes(samples, found)
    return found


def _read(sample: Sample, labels: tuple[str, ...]) -> tuple[Tensor, Target]:
    image = read_pixels(sample)
    height, width = image.shape[-2:]
    return image, target_of(sample, (height, width), labels)


def _answer(
    predictor: Predictor,
    samples: Sequence[Sample],
    results: Sequence[tuple[Tensor, Target] | UserError],
    found: Assessment,
) -> None:
    read = [result for result in results if not isinstance(result, UserError)]
    found.samples.extend(samples)
    found.sizes.extend((image.shape[-2], image.shape[-1]) for image, _ in read)
    found.targets.extend(target for _, target in read)
    answers = predictor.predict([image for image, _ in read])
    found.detections.extend(answer.detections for answer in answers)


def _refuse_no_boxes(samples: Sequence[Sample], found: Assessment) -> None:
    if not any(target.labels for target in found.targets):
        there = sorted({label for item in samples if item.target for label in item.target.labels})
        message = (
            f"the table has no box of what the model finds ({', '.join(found.labels)}); "
            f"its labels are: {', '.join(there) or 'none'}"
        )
        raise user_error(message)


def compare(found: Assessment, spec: ModelSpec) -> Comparison:
    """The answers beside the constant box: here the mean of these very true boxes.

    Args:
        spec: of the model; the constant box is a mean in the pixels of its network image.
    """
    detections = found.detections
    return Comparison(
        [sample.id for sample in found.samples],
        [sample.source for sample in found.samples],
        match(found.targets, detections, found.labels),
        _constant(found, spec),
        Found.of(detections, found.labels),
    )


def _constant(found: Assessment, spec: ModelSpec) -> Matches:
    geometry = [place(size, spec.image_size, spec.resize)[0] for size in found.sizes]
    targets = pad_targets(
        [
            item.to_network(target.boxes)
            for item, target in zip(geometry, found.targets, strict=True)
        ],
        [
            torch.tensor([found.labels.index(name) for name in target.labels]).long()
            for target in found.targets
        ],
    )
    mean = constant_boxes(targets, len(found.labels))
    return match_constant(found.targets, mean, geometry, found.labels)


def score(comparison: Comparison, predictor: Predictor) -> dict[str, Any]:
    """The metrics of a run, and ``coverage`` where the model is calibrated."""
    metrics = comparison.metrics(predictor.labels)
    if predictor.calibration is None:
        return metrics
    covered = coverage(comparison.matches, predictor.calibration)
    return metrics if covered is None else {**metrics, "coverage": covered}
