"""Everything a run needs, built and read before its folder is made."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch

from hdf.augment import Augment
from hdf.components import build_components
from hdf.compute import Compute, choose_compute
from hdf.data.split import Split
from hdf.data.store import Store
from hdf.dataset import read_dataset, refuse_unlearnable
from hdf.detector import Detector
from hdf.errors import placed
from hdf.recipe.build import blamed_on
from hdf.recipe.check import CheckedRecipe
from hdf.recipe.schema import Recipe
from hdf.registry import Registry
from hdf.reporting.progress import Reporter
from hdf.reporting.run_folder import RunFolder
from hdf.training.model import build_model
from hdf.training.start import Start, find_start
from hdf.trial import try_detector


@dataclass(frozen=True)
class Run:
    """A run, as run-event hooks see it.

    Attributes:
        folder: where it writes.
        recipe: the typed recipe; `checked` holds its components' options as well.
        detector: the model that is evaluated and saved, on `compute`'s device.
        store: all images, decoded, on the same device.
        split: which of them are trained on.
        augment: what happens to training batches; None without augmentation.
        visualizers: what draws the pictures.
        skipped: the id of each sample that was left out, and why.
        start: what was taken from another model; None for a start of its own.
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
    skipped: list[tuple[str, str]] = field(default_factory=list)
    start: Start | None = None

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
    start = _find_start(checked, detector, reporter)
    dataset = read_dataset(checked, components.loader, reporter)
    refuse_unlearnable(checked, dataset)
    store, split = dataset.store, dataset.split
    _fit(checked, detector, store, split, start)
    _try_on_device(checked, detector, compute)
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
        dataset.skipped,
        start,
    )


def _find_start(checked: CheckedRecipe, detector: Detector, reporter: Reporter) -> Start | None:
    """What training starts from; looked for before the data, which may take long to read."""
    source = checked.recipe.train.init_from
    if source is None:
        return None
    with placed(checked.where("train", "init_from")):
        return find_start(source, detector, reporter)


def _fit(
    checked: CheckedRecipe, detector: Detector, store: Store, split: Split, start: Start | None
) -> None:
    """Let the head measure the training boxes; what it starts from may know better."""
    with blamed_on(checked.parts["model", "head"], "fit"):
        detector.fit(store.targets[split.train])
    if start is not None:
        start.give(detector)


def _try_on_device(checked: CheckedRecipe, detector: Detector, compute: Compute) -> None:
    """Move to the device, and try everything once."""
    backbone, head = checked.parts["model", "backbone"], checked.parts["model", "head"]
    detector.to(compute.device).to(memory_format=torch.channels_last)
    try_detector(detector, backbone, head, compute)
