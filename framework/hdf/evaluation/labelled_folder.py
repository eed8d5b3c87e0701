"""A model on a labelled folder that it has not seen, with every metric of a run."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor

from hdf.data.dataset import samples_of
from hdf.data.decode import attempted, fault_of, read_pixels, target_of
from hdf.data.resize import fit
from hdf.data.store import Progress, network_targets
from hdf.errors import UserError, suggest, user_error
from hdf.evaluation.comparison import Comparison
from hdf.evaluation.coverage import coverage
from hdf.evaluation.evaluate import constant_boxes, match_constant
from hdf.evaluation.metrics import match
from hdf.inference.predictor import Predictor
from hdf.models.build import build
from hdf.recipe.check import part_of
from hdf.registry.registry import Registry
from hdf.runtime.workers import map_samples
from hdf.types import Detections, Geometry, Sample, Target

TABLE_LOADER = "csv_boxes"
"""What reads a folder and its table, where no recipe says what does."""
TOGETHER = 16
"""Images in memory at a time."""


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


def assess(predictor: Predictor, samples: Sequence[Sample], progress: Progress) -> Comparison:
    """Read every image once, run the model on it, and put its boxes beside the constant box.

    The constant box is here the mean of these same true boxes, in the pixels of the model's image.

    Raises:
        UserError: with all images that can't be read and all impossible boxes, or if no box has one
            of the model's labels.
    """
    labels, spec = predictor.labels, predictor.detectors[0].spec
    geometry: list[Geometry] = []
    targets: list[Target] = []
    detections: list[Detections] = []
    faults: list[UserError] = []
    read = partial(attempted, partial(_read, labels=labels))
    for start in range(0, len(samples), TOGETHER):
        results = list(map_samples(read, samples[start : start + TOGETHER]))
        read_well = [result for result in results if not isinstance(result, UserError)]
        faults += [result for result in results if isinstance(result, UserError)]
        if not faults:
            images = [image for image, _ in read_well]
            sizes = [(image.shape[-2], image.shape[-1]) for image in images]
            geometry += [fit(size, spec.image_size, spec.resize)[0] for size in sizes]
            targets += [target for _, target in read_well]
            detections += [item.detections for item in predictor.predict(images)]
        progress(start + len(results), len(samples))
    if faults:
        raise UserError.joined(faults)
    if not any(target.labels for target in targets):
        raise user_error(_without_boxes(samples, labels))
    mean = constant_boxes(network_targets(targets, geometry, labels), len(labels))
    constant = match_constant(targets, mean, geometry, labels)
    matches = match(targets, detections, labels)
    return Comparison.of(samples, matches, constant, detections, labels)


def _read(sample: Sample, labels: tuple[str, ...]) -> tuple[Tensor, Target]:
    image = read_pixels(sample)
    return image, target_of(sample, (image.shape[-2], image.shape[-1]), labels)


def _without_boxes(samples: Sequence[Sample], labels: tuple[str, ...]) -> str:
    there = sorted({label for item in samples if item.target for label in item.target.labels})
    meant = suggest(labels[0], there)
    return (
        f"the table has no box of what the model finds ({', '.join(labels)}); "
        f"its labels are: {', '.join(there) or 'none'}{meant if meant.endswith('?') else ''}"
    )


def score(comparison: Comparison, predictor: Predictor) -> dict[str, Any]:
    """The metrics of a run, and ``coverage`` if the model is calibrated."""
    metrics = comparison.metrics(predictor.labels)
    if predictor.calibration is None:
        return metrics
    covered = coverage(comparison.matches, predictor.calibration)
    return metrics if covered is None else {**metrics, "coverage": covered}
