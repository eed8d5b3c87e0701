"""Reading the masks of a store's samples once, into memory or the store's folder."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from hdf.data.decode import kept_boxes, reading
from hdf.data.flat_file import FlatFile, Line, MemorySlots, Progress, Slots, complete
from hdf.data.resize import Resize, resize_masks
from hdf.data.store import Masks, Skipped, Store, file_facts, pack, packed_size
from hdf.errors import user_error
from hdf.types import Sample


@dataclass(frozen=True, kw_only=True)
class MaskLine(Line):
    """The line of one image's masks, by their `mask_keys`, in slots one after the other."""

    keys: tuple[str, ...]

    @property
    def slots(self) -> int:
        return len(self.keys)


class Wanted(NamedTuple):
    """A sample whose masks are wanted, and its position in the store."""

    position: int
    sample: Sample
    original: tuple[int, int]
    keys: tuple[str, ...]  # of all boxes of the sample's target
    kept: list[int]  # the positions of those that the store keeps


PackedMasks = tuple[Tensor, tuple[int, int]]
"""Masks of one sample, uint8 [N, bytes], and the (height, width) that they had."""


def mask_keys(sample: Sample, original: tuple[int, int]) -> tuple[str, ...]:
    """A hash for each mask: of its label, its number among those, its file and the image's size."""
    labels = sample.target.labels if sample.target else ()
    files = sample.mask_files or (None,) * len(labels)
    of_label, seen = Counter(labels), Counter[str]()
    keys = []
    for label, file in zip(labels, files, strict=True):
        facts = [label, seen[label], of_label[label], file and file_facts(file), original]
        seen[label] += 1
        keys.append(hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:24])
    return tuple(keys)


def add_masks(
    store: Store,
    resize: Resize,
    file: FlatFile[MaskLine] | None = None,
    progress: Progress = lambda done, total: None,
) -> tuple[Store | None, list[Skipped]]:
    """Give a store the masks of its boxes.

    A box whose image has no masks, or whose mask is empty, has no known mask.

    Args:
        file: where masks of all labels are kept, so that another choice of ``data.labels`` reads
            nothing anew; None for memory.

    Returns:
        The store without the images whose masks can't be used, or None if none is left; and those
        images' samples. UserErrors as of `complete`.
    """
    wanted = {item.sample.id: item for item in _wanted(store)}
    bytes_each = packed_size(store.size)
    masks = sum(len(item.kept) for item in wanted.values())
    slots: Slots[MaskLine] = file or MemorySlots(masks, bytes_each)

    def is_wanted(line: MaskLine) -> bool:
        item = wanted.get(line.id)
        return item is not None and all(item.keys[box] in line.keys for box in item.kept)

    def line_of(sample: Sample, read: PackedMasks) -> tuple[MaskLine, Tensor]:
        item = wanted[sample.id]
        _refuse_other_size(item, read[1])
        if file:
            return MaskLine(id=sample.id, keys=item.keys), read[0]
        keys = tuple(item.keys[box] for box in item.kept)
        return MaskLine(id=sample.id, keys=keys), read[0][item.kept]

    read = partial(read_packed, size=store.size, resize=resize)
    samples = [item.sample for item in wanted.values()]
    there, bad, _ = complete(slots, samples, is_wanted, read, line_of, progress)
    rows, chosen = torch.full(store.targets.valid.shape, -1), list[int]()
    for item in (item for id, item in wanted.items() if id in there):
        line = there[item.sample.id]
        found = [line.index + line.keys.index(item.keys[box]) for box in item.kept]
        rows[item.position, : len(found)] = torch.arange(len(found)) + len(chosen)
        chosen += found
    masked = replace(store, masks=Masks(rows, slots.images(chosen, (1, bytes_each))))
    good = [number for number, sample in enumerate(store.samples) if sample.id not in bad]
    skipped = [(sample.id, bad[sample.id]) for sample in store.samples if sample.id in bad]
    if not good:
        return None, skipped
    return (masked.only(good) if skipped else masked), skipped


def _wanted(store: Store) -> Iterator[Wanted]:
    for position, (sample, geometry) in enumerate(zip(store.samples, store.geometry, strict=True)):
        kept = kept_boxes(sample.target, store.labels)
        if sample.read_masks and kept:
            original = geometry.original_size
            yield Wanted(position, sample, original, mask_keys(sample, original), kept)


def _refuse_other_size(item: Wanted, size: tuple[int, int]) -> None:
    if size != item.original:
        mask, image = (f"{height} x {width}" for height, width in (size, item.original))
        message = f"a mask has {mask} pixels; its image has {image}"
        raise user_error(message, item.sample.where or item.sample.id)


def read_packed(sample: Sample, size: tuple[int, int], resize: Resize) -> PackedMasks:
    """All masks of a sample in network pixels; UserErrors where they can't be read, or are none."""
    assert sample.read_masks is not None and sample.target is not None
    where, count = sample.where or sample.id, len(sample.target.labels)
    with reading(sample, "its masks "):
        masks = sample.read_masks()
    if not isinstance(masks, Tensor) or masks.dtype != torch.bool or masks.ndim != 3:
        message = f"the loader gave masks of {type(masks).__name__}, expected bool [N, H, W]"
        raise user_error(message, where)
    if len(masks) != count or not masks.numel():
        message = f"the loader gave masks of {list(masks.shape)} for {count} boxes"
        raise user_error(message, where)
    return pack(resize_masks(masks, size, resize)), (masks.shape[1], masks.shape[2])
