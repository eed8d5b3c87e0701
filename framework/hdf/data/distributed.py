"""One data set for all processes of a run: the writer reads it first."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any, NoReturn

import torch

from hdf.console.progress import Reporter
from hdf.data.dataset import Dataset, read_dataset
from hdf.data.masks import Masks
from hdf.data.store import Store
from hdf.errors import user_error
from hdf.recipe.check import CheckedRecipe
from hdf.runtime.world import World


def read_shared(checked: CheckedRecipe, loader: Any, reporter: Reporter, world: World) -> Dataset:
    """As `read_dataset`, for every process of a run.

    Images in a store's folder are decoded once, by the writer or by one process of each machine
    that has a folder of its own. Images in memory are read by the writer and sent to the others,
    whose samples then have no original images to read.

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
    masks = store.masks and Masks(store.masks.rows, nothing, store.masks.size)
    # The functions of a sample may be anything, which can't be sent.
    samples = [
        replace(sample, read=_is_elsewhere, read_masks=None, files=(), mask_files=())
        for sample in store.samples
    ]
    return replace(dataset, store=replace(store, samples=samples, images=nothing, masks=masks))


def _is_elsewhere() -> NoReturn:
    raise RuntimeError("only the process that writes can read the original images again")


def _refuse_different(store: Store, world: World) -> None:
    """Raised by the writer alone; the others then lose the connection to it."""
    found = world.gather(hashlib.sha256(store.facts().encode()).hexdigest())
    others = [str(rank) for rank, digest in enumerate(found) if digest != found[0]]
    if world.is_writer and others:
        message = (
            f"process {', '.join(others)} finds other images or boxes than process 0; the images "
            "and tables that a recipe names must be the same on every machine"
        )
        raise user_error(message)
