"""A model on a labelled folder that it has not seen, with every metric of a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor

from hdf.data.dataset import samples_of
from hdf.data.decode import attempted, fault_of, read_pixels, target_of
from hdf.data.resize import fit
from hdf.data.store import network_targets
from hdf.errors import UserError, suggest, user_error
from hdf.evaluation.comparison import Comparison
from hdf.evaluation.coverage import coverage
from hdf.evaluation.evaluate import constant_boxes, match_constant
from hdf.evaluation.metrics import match
from hdf.inference.predictor import Predictor
from hdf.models.build import build
from hdf.models.detector import ModelSpec
from hdf.recipe.check import part_of
from hdf.registry.registry import Registry
from hdf.runtime.workers import map_samples
from hdf.types import Detections, Sample, Target

TABLE_LOADER = "csv_boxes"
"""What reads a folder and its table, where no recipe says what does."""
TOGETHER = 16
"""Images in memory at a time."""


@dataclass(frozen=True)
class Assessment:
    """A model's answers for a labelled folder, an image each, in pixels of the original images.

    Attributes:
        labels: what the model finds.
        sizes: (height, width).
        targets: true boxes of the model's labels.
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
    faults = [fault for sample in samples if (fault := fault_of(sample))]
    if faults:
        raise UserError.joined(faults)
    return samples


def assess(
    predictor: Predictor,
    samples: Sequence[Sample],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Assessment:
    """Read every image once and run the model on it.

    Args:
        progress: called with (images done, images in all).

    Raises:
        UserError: with all images that can't be read and all impossible boxes, or if no box has one
            of the model's labels.
    """
    found = Assessment(predictor.labels)
    faults: list[UserError] = []
    for start in range(0, len(samples), TOGETHER):
        chosen = samples[start : start + TOGETHER]
        read = partial(attempted, partial(_read, labels=predictor.labels))
        results = list(map_samples(read, chosen))
        faults += [result for result in results if isinstance(result, UserError)]
        if not faults:
            read_well = [result for result in results if not isinstance(result, UserError)]
            images, targets = zip(*read_well, strict=True)
            found.samples.extend(chosen)
            found.sizes.extend((image.shape[-2], image.shape[-1]) for image in images)
            found.targets.extend(targets)
            found.detections.extend(item.detections for item in predictor.predict(images))
        progress(start + len(chosen), len(samples))
    if faults:
        raise UserError.joined(faults)
    if not any(target.labels for target in found.targets):
        there = sorted({label for item in samples if item.target for label in item.target.labels})
        message = (
            f"the table has no box of what the model finds ({', '.join(found.labels)}); "
            f"its labels are: {', '.join(there) or 'none'}"
        )
        meant = suggest(found.labels[0], there)
        raise user_error(message + (meant if meant.endswith("?") else ""))
    return found


def _read(sample: Sample, labels: tuple[str, ...]) -> tuple[Tensor, Target]:
    image = read_pixels(sample)
    return image, target_of(sample, (image.shape[-2], image.shape[-1]), labels)


def compare(found: Assessment, spec: ModelSpec) -> Comparison:
    """The answers beside the constant box, which is here the mean of these same true boxes.

    Args:
        spec: of the model; the constant box is a mean in the pixels of its network image.
    """
    matches = match(found.targets, found.detections, found.labels)
    geometry = [fit(size, spec.image_size, spec.resize)[0] for size in found.sizes]
    targets = network_targets(found.targets, geometry, found.labels)
    mean = constant_boxes(targets, len(found.labels))
    constant = match_constant(found.targets, mean, geometry, found.labels)
    return Comparison.of(found.samples, matches, constant, found.detections, found.labels)


def score(comparison: Comparison, predictor: Predictor) -> dict[str, Any]:
    """The metrics of a run, and ``coverage`` if the model is calibrated."""
    metrics = comparison.metrics(predictor.labels)
    if predictor.calibration is None:
        return metrics
    covered = coverage(comparison.matches, predictor.calibration)
    return metrics if covered is None else {**metrics, "coverage": covered}
