"""Everything a run needs, built and read before its folder is made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from hdf.augment import Augment
from hdf.compute import Compute, choose_compute
from hdf.data.split import Split, split_samples
from hdf.data.store import Store, build_store, refuse_absent_labels, refuse_unusable
from hdf.detector import Detector
from hdf.errors import placed, user_error
from hdf.recipe.build import blamed_on
from hdf.recipe.check import CheckedRecipe, Part
from hdf.recipe.schema import Recipe
from hdf.registry import Registry
from hdf.reporting.progress import Reporter
from hdf.reporting.run_folder import RunFolder
from hdf.training.components import build_components, build_model
from hdf.trial import try_detector
from hdf.types import Sample


@dataclass(frozen=True)
class Run:
    """A run, as run-event hooks see it.

    Attributes:
        folder: where it writes.
        recipe: the typed recipe; `checked` holds its components' options as well.
        detector: the model, on `compute`'s device.
        store: all images, decoded, on the same device.
        split: which of them are trained on.
        augment: what happens to training batches; None without augmentation.
        visualizers: what draws the pictures.
    """

    folder: RunFolder
    checked: CheckedRecipe
    registry: Registry
    compute: Compute
    detector: Detector
    store: Store
    split: Split
    augment: Augment | None
    visualizers: list[Any]

    @property
    def recipe(self) -> Recipe:
        return self.checked.recipe


def prepare(
    checked: CheckedRecipe, registry: Registry, folder: RunFolder, reporter: Reporter
) -> Run:
    """Build the components, then read the data; nothing is written.

    Raises:
        UserError: with all that is wrong with the options, or with the data.
    """
    settings = checked.recipe.train
    with placed(checked.where("train", "device")):
        compute = choose_compute(settings.device, settings.precision)
    reporter.say(f"device {compute.device}, precision {compute.precision}: {compute.reason}")
    components = build_components(checked)
    detector = build_model(checked)
    samples = _records(checked.parts["data", "loader"], components.loader)
    split = _split(checked, samples)
    store = _read(checked, samples, split, reporter)
    _fit(checked, detector, store, split, compute)
    return Run(
        folder,
        checked,
        registry,
        compute,
        detector,
        store.to(compute.device),
        split,
        components.augment,
        components.visualizers,
    )


def _records(part: Part, loader: Any) -> list[Sample]:
    with blamed_on(part, "records"):
        samples = loader.records()
    if not isinstance(samples, list) or not all(isinstance(item, Sample) for item in samples):
        message = f"{part.component.title}: records must give a list of hdf.Sample"
        raise user_error(message, where=part.where)
    with placed(part.where):
        refuse_unusable(samples)
    return samples


def _split(checked: CheckedRecipe, samples: list[Sample]) -> Split:
    with placed(checked.where("data", "split")):
        return split_samples(samples, checked.recipe.data.split, checked.recipe.seed)


def _read(checked: CheckedRecipe, samples: list[Sample], split: Split, reporter: Reporter) -> Store:
    data = checked.recipe.data
    masks = data.box_bounds == "mask"
    with reporter.counting("reading images") as progress:
        store = build_store(
            samples, data.labels, data.image_size, data.resize, masks=masks, progress=progress
        )
    with placed(checked.where("data", "labels")):
        refuse_absent_labels(store)
    with placed(checked.where("data", "split")):
        _refuse_boxless_sides(store, split)
    sizes = f"{len(split.train)} to train, {len(split.val)} to validate"
    inner = f", {len(split.inner)} to choose the best epoch" if split.inner else ""
    reporter.say(f"{len(store)} images: {sizes}{inner}")
    return store


def _refuse_boxless_sides(store: Store, split: Split) -> None:
    sides = {"training": split.train, "validation": split.val, "inner": split.inner}
    for name, index in sides.items():
        if index and not store.targets.valid[index].any():
            raise user_error(f"no image of the {name} side has a box")


def _fit(
    checked: CheckedRecipe, detector: Detector, store: Store, split: Split, compute: Compute
) -> None:
    """Let the head measure the training boxes, move to the device, and try everything once."""
    backbone, head = checked.parts["model", "backbone"], checked.parts["model", "head"]
    with blamed_on(head, "fit"):
        detector.fit(store.targets[split.train])
    detector.to(compute.device).to(memory_format=torch.channels_last)
    try_detector(detector, backbone, head, compute)
