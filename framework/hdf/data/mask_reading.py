"""Reading the masks of a store's samples once, into memory or the store's folder."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor

from hdf.data.decode import attempted, kept_boxes, reading
from hdf.data.flat_file import ImageFile
from hdf.data.folder import MaskLine, StoreFolder, file_facts
from hdf.data.masks import Masks, pack, packed_size
from hdf.data.resize import Resize, resize_masks
from hdf.data.store import Progress, Skipped, Store
from hdf.errors import UserError, user_error
from hdf.runtime.workers import map_samples
from hdf.types import Sample


@dataclass(frozen=True)
class Wanted:
    """A sample whose masks are wanted.

    Attributes:
        position: in the store.
        keys: one for each box of the sample's target.
        kept: the positions of the boxes that the store keeps.
    """

    position: int
    sample: Sample
    original: tuple[int, int]
    keys: tuple[str, ...]
    kept: list[int]

    def is_in(self, line: MaskLine) -> bool:
        return all(self.keys[box] in line.keys for box in self.kept)

    def number(self, rows: Tensor, start: int) -> int:
        """Write the numbers of the kept masks, from `start`, into `rows` of `Masks`."""
        end = start + len(self.kept)
        rows[self.position, : len(self.kept)] = torch.arange(start, end)
        return end


PackedMasks = tuple[Tensor, tuple[int, int]]
"""Masks of one sample, uint8 [N, bytes], and the (height, width) that they had."""


def mask_keys(sample: Sample, original: tuple[int, int]) -> tuple[str, ...]:
    """A hash for each mask of a sample, of its label, its file and the size of the image.

    It also holds the mask's number among those of its label, and how many there are.
    """
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
    folder: StoreFolder | None = None,
    progress: Progress = lambda done, total: None,
    on_wait: Callable[[], None] = lambda: None,
) -> tuple[Store | None, list[Skipped]]:
    """Give a store the masks of its boxes.

    Masks of all labels are kept in the folder, so that another choice of ``data.labels`` reads
    nothing anew. A box whose image has no masks, or whose mask is empty, has no known mask.

    Args:
        resize: as for the images.
        folder: where masks are kept; None for memory.
        on_wait: called before this process waits for another that fills the folder.

    Returns:
        The store without the images whose masks can't be used, or None if none is left; and those
        images' samples.

    Raises:
        UserError: the folder can't be written.
    """
    packed: Tensor | ImageFile
    wanted = _wanted(store)
    read = partial(attempted, partial(read_packed, size=store.size, resize=resize))
    rows = torch.full(store.targets.valid.shape, -1)
    if folder is None:
        packed, bad = _in_memory(wanted, read, rows, store.size, progress)
    else:
        packed, bad = _in_folder(wanted, read, rows, folder, progress, on_wait)
    store = replace(store, masks=Masks(rows, packed, store.size))
    good = [number for number in range(len(store)) if number not in bad]
    skipped = [(store.samples[number].id, bad[number]) for number in sorted(bad)]
    if not good:
        return None, skipped
    return (store.only(good) if skipped else store), skipped


def _wanted(store: Store) -> list[Wanted]:
    found = []
    for position, (sample, geometry) in enumerate(zip(store.samples, store.geometry, strict=True)):
        kept = kept_boxes(sample.target, store.labels)
        if sample.read_masks and kept:
            original = geometry.original_size
            keys = mask_keys(sample, original)
            found.append(Wanted(position, sample, original, keys, kept))
    return found


Read = Callable[[Sample], PackedMasks | UserError]


def _in_memory(
    wanted: list[Wanted], read: Read, rows: Tensor, size: tuple[int, int], progress: Progress
) -> tuple[Tensor, dict[int, UserError]]:
    """Fills `rows` of `Masks`; returns its `packed`, and the errors by position in the store."""
    bits = [torch.zeros(0, packed_size(size), dtype=torch.uint8)]
    bad: dict[int, UserError] = {}
    count = 0
    for done, (item, result) in enumerate(_read_all(wanted, read), 1):
        if isinstance(result, UserError):
            bad[item.position] = result
        else:
            bits.append(result[0][item.kept])
            count = item.number(rows, count)
        progress(done, len(wanted))
    return torch.cat(bits)[:, None, None], bad


def _in_folder(
    wanted: list[Wanted],
    read: Read,
    rows: Tensor,
    folder: StoreFolder,
    progress: Progress,
    on_wait: Callable[[], None],
) -> tuple[Tensor | ImageFile, dict[int, UserError]]:
    """As `_in_memory`."""
    bad: dict[int, UserError] = {}
    there = _there(folder, wanted)
    if len(there) < len(wanted):
        with folder.adding(folder.masks, on_wait) as add:
            # Another process may have added some in the meantime.
            there |= _there(folder, [item for item in wanted if item.sample.id not in there])
            missing = [item for item in wanted if item.sample.id not in there]
            for item, result in _read_all(missing, read):
                if isinstance(result, UserError):
                    bad[item.position] = result
                else:
                    line = MaskLine(index=0, id=item.sample.id, keys=item.keys)
                    there[item.sample.id] = add(line, result[0].numpy().tobytes())
                progress(len(there) + len(bad), len(wanted))
    slots: list[int] = []
    for item in (item for item in wanted if item.sample.id in there):
        line = there[item.sample.id]
        item.number(rows, len(slots))
        slots += (line.index + line.keys.index(item.keys[box]) for box in item.kept)
    count = packed_size(folder.size)
    if not slots:
        return torch.zeros(0, 1, 1, count, dtype=torch.uint8), bad
    return ImageFile(folder.masks.path, slots, (1, count)), bad


def _there(folder: StoreFolder, wanted: list[Wanted]) -> dict[str, MaskLine]:
    by_id = {item.sample.id: item for item in wanted}
    return folder.masks.lines(lambda line: line.id in by_id and by_id[line.id].is_in(line))


def _read_all(wanted: list[Wanted], read: Read) -> Iterator[tuple[Wanted, PackedMasks | UserError]]:
    results = map_samples(read, [item.sample for item in wanted])
    for item, result in zip(wanted, results, strict=True):
        if not isinstance(result, UserError) and result[1] != item.original:
            sizes = " pixels; its image has ".join(
                f"{h} x {w}" for h, w in (result[1], item.original)
            )
            result = user_error(f"a mask has {sizes}", item.sample.where or item.sample.id)
        yield item, result


def read_packed(sample: Sample, size: tuple[int, int], resize: Resize) -> PackedMasks:
    """All masks of a sample, in network pixels.

    Raises:
        UserError: they can't be read, or are no masks.
    """
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
