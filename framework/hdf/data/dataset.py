"""From a checked recipe to its data set, for one process or several; no model is built."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

import torch

from hdf.console.progress import Reporter
from hdf.data.flat_file import MemorySlots
from hdf.data.folder import StoreFolder, choose_folder
from hdf.data.masks import add_masks
from hdf.data.split import Split, split_samples
from hdf.data.store import (
    ImageLine,
    Skipped,
    Store,
    read_into,
    refuse_absent_labels,
    refuse_unusable,
)
from hdf.errors import UserError, placed, user_error
from hdf.models.build import errors_of
from hdf.models.detector import uses_masks
from hdf.recipe.check import CheckedRecipe, Part
from hdf.runtime.world import World
from hdf.types import Sample

MASKS = 0.25
"""The time to read an image's masks, as a share of the time to read the image."""


@dataclass(frozen=True)
class Dataset:
    """What a recipe's ``data`` section gives.

    Attributes:
        skipped: the id of each sample that was left out, and the reason.
        folder: where the images are kept; None for memory.
        reused: how many images were in the folder already.
    """

    store: Store
    split: Split
    skipped: list[tuple[str, str]] = field(default_factory=list)
    folder: StoreFolder | None = None
    reused: int = 0


def list_samples(checked: CheckedRecipe, loader: Any) -> list[Sample]:
    """The loader's samples, the broken ones included; no image is read.

    Raises:
        UserError: the loader fails, returns anything else or nothing, or repeats an id.
    """
    return samples_of(checked.parts["data", "loader"], loader)


def samples_of(part: Part, loader: Any) -> list[Sample]:
    """As `list_samples`, for a loader that no recipe names; `part` names it in messages."""
    with errors_of(part, "records"):
        samples = loader.records()
    if not isinstance(samples, list) or not all(isinstance(item, Sample) for item in samples):
        message = f"{part.component.title}: records must give a list of hdf.Sample"
        raise user_error(message, where=part.where)
    with placed(part.where):
        refuse_unusable(samples)
    return samples


def split_of(checked: CheckedRecipe, samples: list[Sample]) -> Split:
    """The recipe's split of its samples; UserErrors as of `split_samples`."""
    with placed(checked.where("data", "split")):
        return split_samples(samples, checked.recipe.data.split, checked.recipe.seed)


def read_dataset(checked: CheckedRecipe, loader: Any, reporter: Reporter) -> Dataset:
    """List, read and split the recipe's samples, with or without boxes.

    Raises:
        UserError: with all that is wrong with the data.
    """
    samples = list_samples(checked, loader)
    data = checked.recipe.data
    if data.on_bad == "error":
        split_of(checked, samples)  # so that a wrong split is reported before images are read
    folder = _folder(checked, samples, reporter)
    masks = wants_masks(checked)
    store, bad, reused = _read(checked, samples, folder, reporter, masks)
    if store is not None and masks:
        with reporter.counting("reading masks") as progress:
            file = folder.masks if folder else None
            store, maskless = add_masks(store, data.resize, file, progress)
        errors = dict(bad + maskless)
        bad = [(item.id, errors[item.id]) for item in samples if item.id in errors]
    if store is None or (bad and data.on_bad == "error"):
        raise UserError.joined([error for _, error in bad])
    split = split_of(checked, store.samples)
    if any(sample.target and sample.target.labels for sample in store.samples):
        with placed(checked.where("data", "labels")):
            refuse_absent_labels(store)
    sizes = f"{len(split.train)} to train, {len(split.val)} to validate"
    inner = f", {len(split.inner)} to choose the best epoch" if split.inner else ""
    left_out = f"; {len(bad)} left out" if bad else ""
    reporter.say(f"{len(store)} images: {sizes}{inner}{left_out}")
    skipped = [(id, str(error)) for id, error in bad]
    return Dataset(store, split, skipped, folder, reused)


def read_images(
    checked: CheckedRecipe, samples: list[Sample], reporter: Reporter
) -> tuple[Store | None, list[Skipped]]:
    """All images that can be read, without boxes, so that a wrong box excludes no image.

    Returns:
        The images, or None; and the samples that can't be read, the broken ones included.

    Raises:
        UserError: the store's folder can't be used.
    """
    bare = [replace(item, target=None, read_masks=None, mask_files=()) for item in samples]
    store, bad, _ = _read(checked, bare, _folder(checked, samples, reporter), reporter)
    return store, bad


def _folder(
    checked: CheckedRecipe, samples: list[Sample], reporter: Reporter
) -> StoreFolder | None:
    with placed(checked.where("data", "store")):
        folder = choose_folder(checked.recipe.data, samples, checked.parts["data", "loader"])
    if folder:
        told = f"{folder.path}: another hdf fills this store; waiting for it"
        folder.pixels.on_wait = folder.masks.on_wait = lambda: reporter.say(told)
    return folder


def _read(
    checked: CheckedRecipe,
    samples: list[Sample],
    folder: StoreFolder | None,
    reporter: Reporter,
    masks: bool = False,
) -> tuple[Store | None, list[Skipped], int]:
    data = checked.recipe.data
    shorter = list(_what_shortens(checked))
    then = MASKS if masks else 0.0
    with reporter.counting("reading images", then, shorter) as progress:
        pixels = data.image_size[0] * data.image_size[1]
        slots = folder.pixels if folder else MemorySlots[ImageLine](len(samples), pixels)
        return read_into(slots, samples, data.labels, data.image_size, data.resize, progress)


def _what_shortens(checked: CheckedRecipe) -> Iterator[str]:
    if "count" in checked.parts["data", "loader"].resolved():
        yield "a smaller data.loader.count"
    if checked.recipe.data.box_bounds == "mask":
        yield "data.box_bounds=ellipse, which needs no masks unless the head does"


def wants_masks(checked: CheckedRecipe) -> bool:
    """Whether batches must hold masks: for `Augment`, or for a head that learns from them."""
    head = checked.parts["model", "head"].component.load()
    return checked.recipe.data.box_bounds == "mask" or uses_masks(head)


def refuse_unlearnable(checked: CheckedRecipe, dataset: Dataset) -> None:
    """Raise a UserError where a label, or a side of the split, has no box."""
    store, split = dataset.store, dataset.split
    with placed(checked.where("data", "labels")):
        refuse_absent_labels(store)
    sides = {"training": split.train, "validation": split.val, "inner": split.inner}
    for name, index in sides.items():
        if index and not store.targets.valid[index].any():
            message = f"no image of the {name} side has a box"
            raise user_error(message, checked.where("data", "split"))


def read_shared(checked: CheckedRecipe, loader: Any, reporter: Reporter, world: World) -> Dataset:
    """As `read_dataset`, for every process of a run.

    A store's folder is filled once, by the writer or by one process of each machine that has its
    own. Images in memory are read by the writer and sent to the others, whose samples then have no
    original images to read.

    Raises:
        UserError: as `read_dataset`; or the processes see different data.
    """
    if world.size == 1:
        return read_dataset(checked, loader, reporter)
    dataset = read_dataset(checked, loader, reporter) if world.is_writer else None
    if not world.broadcast(dataset is not None and dataset.folder is not None):
        return _sent(dataset, world)
    dataset = dataset or read_dataset(checked, loader, reporter)
    _refuse_different(dataset.store, world)
    return dataset


def _sent(dataset: Dataset | None, world: World) -> Dataset:
    """The writer's data set; pixels are received in place, as they may take half the memory."""
    store = None if dataset is None else dataset.store
    known = world.broadcast(None if dataset is None else _without_pixels(dataset))
    cpu = torch.device("cpu")
    images = world.broadcast_tensor(None if store is None else store.images.to(cpu))
    assert known is not None
    masks = known.store.masks
    if masks is not None:
        packed = store.masks.packed.to(cpu) if store and store.masks else None
        masks = replace(masks, packed=world.broadcast_tensor(packed))
    return dataset or replace(known, store=replace(known.store, images=images, masks=masks))


def _without_pixels(dataset: Dataset) -> Dataset:
    store = dataset.store
    nothing = torch.empty(0, dtype=torch.uint8)
    masks = store.masks and replace(store.masks, packed=nothing)
    # The functions of a sample may be anything, which can't be sent.
    samples = [
        replace(sample, read=_is_elsewhere, read_masks=None, files=(), mask_files=())
        for sample in store.samples
    ]
    return replace(dataset, store=replace(store, samples=samples, images=nothing, masks=masks))


def _is_elsewhere() -> NoReturn:
    raise RuntimeError("only the process that writes can read the original images again")


def _refuse_different(store: Store, world: World) -> None:
    # Raised by the writer alone; the others then lose the connection to it.
    found = world.gather(hashlib.sha256(store.facts().encode()).hexdigest())
    others = [str(rank) for rank, digest in enumerate(found) if digest != found[0]]
    if world.is_writer and others:
        message = (
            f"process {', '.join(others)} finds other images or boxes than process 0; the images "
            "and tables that a recipe names must be the same on every machine"
        )
        raise user_error(message)
