"""Everything a run needs, built and read before its folder is made."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch

from hdf.augmentation.pipeline import Augment
from hdf.console.progress import Reporter
from hdf.data.batches import Batches
from hdf.data.dataset import read_shared, refuse_unlearnable
from hdf.data.split import Split
from hdf.data.store import Store
from hdf.errors import placed, user_error
from hdf.models.build import build_components, build_model, errors_of
from hdf.models.detector import Detector
from hdf.models.dry_run import fault_with_one_image, try_detector
from hdf.recipe.check import CheckedRecipe
from hdf.recipe.schema import Recipe
from hdf.registry.registry import Registry
from hdf.runs.run_folder import RunFolder
from hdf.runtime.device import Compute, choose_compute
from hdf.runtime.world import ALONE, World

if TYPE_CHECKING:  # most runs start from nothing
    from hdf.training.start import Start


@dataclass(frozen=True)
class Run:
    """A run, which does not change.

    Attributes:
        detector: what is evaluated and saved, on `compute`'s device, as is `store`.
        skipped: the id of each sample that was left out, and why.
        start: what was taken from another model.
        world: the processes that train together. Events, pictures and files are the writer's.
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
    world: World = ALONE

    @property
    def recipe(self) -> Recipe:
        return self.checked.recipe

    @cached_property
    def data_digest(self) -> str:
        """`hdf.data.store.Store.digest`, which reads all images."""
        return self.store.digest()

    @cached_property
    def identity(self) -> dict[str, str]:
        """What must be the same when a run goes on: the recipe, the data and the sides."""
        sides = json.dumps([self.split.train, self.split.val, self.split.inner])
        return {
            "recipe": json.dumps(self.checked.reread()),
            "data": self.data_digest,
            "split": hashlib.sha256(sides.encode()).hexdigest()[:16],
        }


def prepare(
    checked: CheckedRecipe,
    registry: Registry,
    folder: RunFolder,
    reporter: Reporter,
    world: World = ALONE,
) -> Run:
    """Build the components, then read the data; a `UserError` has all errors of either."""
    with world.writer_first():
        compute = _compute(checked, reporter, world)
        components = build_components(checked)
        detector = build_model(checked)
        start = None
        if checked.recipe.train.init_from is not None:  # looked for before images are read
            from hdf.training.start import find_start

            with placed(checked.where("train", "init_from")):
                start = find_start(checked.recipe.train.init_from, detector, reporter)
    dataset = read_shared(checked, components.loader, reporter, world)
    store, split = dataset.store, dataset.split
    with world.writer_first():
        refuse_unlearnable(checked, dataset)
        backbone, head = checked.parts["model", "backbone"], checked.parts["model", "head"]
        with errors_of(head, "fit"):
            detector.fit(store.targets[split.train])
        if start is not None:
            detector.load_state_dict(start.tensors, strict=False)  # they may know better
        detector.to(compute.device).to(memory_format=torch.channels_last)
        try_detector(detector, backbone, head, compute)
        _refuse_small_batches(checked, len(split.train), detector, compute, world)
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
        world,
    )


def _compute(checked: CheckedRecipe, reporter: Reporter, world: World) -> Compute:
    settings = checked.recipe.train
    with placed(checked.where("train", "device")):
        compute = choose_compute(world.device(settings.device), settings.precision)
    if world.size > 1 and compute.device.type == "cuda":
        torch.cuda.set_device(compute.device)
    many = f"{world.size} processes, " if world.size > 1 else ""
    reporter.say(f"{many}device {compute.device}, precision {compute.precision}: {compute.reason}")
    return compute


def _refuse_small_batches(
    checked: CheckedRecipe, images: int, detector: Detector, compute: Compute, world: World
) -> None:
    """Every process needs an image of every batch, or two where its model can't learn from one."""
    given = checked.recipe.train.batch_size
    fewest = min(Batches.sizes_of(images, given))
    one_each = fewest // world.size == 1
    fault = fault_with_one_image(detector, compute) if one_each else ""
    needed = 2 * world.size if fault else world.size
    if fewest >= needed:
        return
    sizes = range(given + 1, images + 1)
    larger = [size for size in sizes if min(Batches.sizes_of(images, size)) >= needed]
    cures = [f"train.batch_size={larger[0]}" if larger else "more training images"]
    cures += ["a larger data.image_size"] if fault else []
    cures += ["fewer processes"] if world.size > 1 else []
    each = f", too few for {world.size} processes" if world.size > 1 else ""
    alone = f"; the model can't learn from a single image ({fault})" if fault else ""
    message = (
        f"{images} training images in batches of at most {given} make batches of {fewest}{each}"
        f"{alone}; take {' or '.join(cures)}"
    )
    raise user_error(message, checked.where("train", "batch_size"))
