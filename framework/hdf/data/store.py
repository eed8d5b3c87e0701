"""Every image decoded once, resized to the network's image and kept as 8-bit grey."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from hdf.data.decode import decode, fault_of, target_of
from hdf.data.flat_file import TOGETHER, ImageFile, Line, MemorySlots, Slots, complete
from hdf.data.flat_file import Progress as Progress
from hdf.data.resize import Resize
from hdf.errors import Problem, UserError, suggest, user_error
from hdf.runtime.resources import fits
from hdf.types import Geometry, Sample, Target, Targets, pad_targets


def packed_size(size: tuple[int, int]) -> int:
    """Bytes of one packed mask of (height, width)."""
    return -(-size[0] * size[1] // 8)


def pack(masks: Tensor) -> Tensor:
    """Masks bool [N, H, W] to uint8 [N, bytes]: row by row, the first pixel in the highest bit."""
    bits = masks.reshape(len(masks), masks.shape[1] * masks.shape[2])
    return torch.from_numpy(np.packbits(bits.numpy(), axis=1))


# A byte's eight bits as eight bools, looked up as one number: six times as fast as shifting.
_BITS = torch.from_numpy(np.unpackbits(np.arange(256, dtype=np.uint8))).view(torch.int64)


def unpack(packed: Tensor, size: tuple[int, int]) -> Tensor:
    """uint8 [..., bytes] to bool [..., *size], on the device of `packed`."""
    numbers = _BITS.to(packed.device).index_select(0, packed.flatten().int())
    bits = numbers.view(torch.bool).view(*packed.shape[:-1], -1)
    return bits[..., : size[0] * size[1]].reshape(*packed.shape[:-1], *size)


@dataclass(frozen=True)
class Masks:
    """The masks of all boxes of a store.

    Attributes:
        rows: int64 [N, boxes] on the CPU, the index into `packed` of each box's mask; -1 for none.
        packed: uint8 [M, 1, 1, bytes].
    """

    rows: Tensor
    packed: Tensor | ImageFile

    def read(self, index: Tensor) -> Tensor:
        """Packed masks uint8 [B, boxes, bytes], zeros for none, of images int64 [B] on the CPU."""
        rows = self.rows[index]
        known = rows >= 0
        device = self.packed.device
        found = self.packed[rows[known].to(device)].flatten(1)
        masks = found.new_zeros(*rows.shape, self.packed.shape[-1])
        masks[known.to(device)] = found
        return masks


@dataclass(frozen=True)
class Store:
    """A data set, ready for training.

    Attributes:
        samples: in the order of `images`.
        images: uint8 [N, 1, H, W], network pixels.
        targets: boxes in network pixels, without masks; labels are indices into `labels`.
        originals: the same boxes in the pixels of the original images.
        geometry: where each original image lies in the network's.
        labels: the recipe's ``data.labels``.
        masks: None if nothing needs them.
    """

    samples: list[Sample]
    images: Tensor | ImageFile
    targets: Targets
    originals: list[Target]
    geometry: list[Geometry]
    labels: tuple[str, ...]
    masks: Masks | None = None

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the network's image."""
        return self.images.shape[-2], self.images.shape[-1]

    @property
    def files(self) -> list[ImageFile]:
        """The images and masks that are not in memory."""
        held = (self.images, None if self.masks is None else self.masks.packed)
        return [item for item in held if item is not None and not isinstance(item, Tensor)]

    def read(self, index: Tensor) -> tuple[Tensor, Tensor | None]:
        """Images uint8 [B, 1, H, W], and packed masks if there are any, of int64 [B] on the CPU."""
        images = self.images[index.to(self.images.device)]
        return images, self.masks.read(index) if self.masks else None

    def only(self, positions: Sequence[int]) -> Store:
        """The images at these positions, in order."""
        chosen = torch.tensor(positions)
        images = self.images
        return Store(
            [self.samples[i] for i in positions],
            images[chosen] if isinstance(images, Tensor) else images.only(positions),
            self.targets[chosen.to(self.targets.valid.device)],
            [self.originals[i] for i in positions],
            [self.geometry[i] for i in positions],
            self.labels,
            self.masks and replace(self.masks, rows=self.masks.rows[chosen]),
        )

    def facts(self) -> str:
        """Each image's name, patient, source, labels and true boxes, as JSON."""
        rows = [
            (sample.id, sample.group, sample.source, target.labels, target.boxes.tolist())
            for sample, target in zip(self.samples, self.originals, strict=True)
        ]
        return json.dumps(rows)

    def digest(self) -> str:
        """Changes with `facts`, and with any image's pixels or masks."""
        found = hashlib.sha256(self.facts().encode())
        for chosen in torch.split(torch.arange(len(self)), TOGETHER):
            for part in self.read(chosen):
                found.update(b"" if part is None else part.cpu().numpy().tobytes())
        return found.hexdigest()[:16]

    def to(self, device: torch.device) -> Store:
        """The store with targets on `device`; images in files too, if its free memory has room."""
        moved = replace(self, targets=self.targets.to(device))
        if not fits(sum(file.nbytes for file in self.files), device):
            return moved
        masks = self.masks and replace(self.masks, packed=self.masks.packed.to(device))
        return replace(moved, images=self.images.to(device), masks=masks)


Skipped = tuple[str, UserError]
"""A sample's id, and why it can't be used."""


@dataclass(frozen=True, kw_only=True)
class ImageLine(Line):
    """The line of one image, with the `fingerprint` of its files."""

    fingerprint: str
    geometry: Geometry


def fingerprint(sample: Sample) -> str:
    """Changes with the path, the size and the date of any of the sample's files."""
    facts = [file_facts(file) for file in sample.files]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def file_facts(file: Path) -> tuple[str, int, int]:
    """Path, size and date of a file; -1 for what is not known."""
    try:
        found = file.stat()
    except OSError:  # which reading it reports
        return str(file.absolute()), -1, -1
    return str(file.absolute()), found.st_size, found.st_mtime_ns


def build_store(
    samples: Sequence[Sample],
    labels: tuple[str, ...],
    size: tuple[int, int],
    resize: Resize = "letterbox",
    *,
    progress: Progress = lambda done, total: None,
) -> Store:
    """Read samples into memory, as `read_into`; all must be good.

    Raises:
        UserError: with all faults of all samples.
    """
    slots = MemorySlots[ImageLine](len(samples), size[0] * size[1])
    store, bad, _ = read_into(slots, samples, labels, size, resize, progress)
    if bad or store is None:
        raise UserError.joined([error for _, error in bad])
    return store


def read_into(
    slots: Slots[ImageLine],
    samples: Sequence[Sample],
    labels: tuple[str, ...],
    size: tuple[int, int],
    resize: Resize,
    progress: Progress = lambda done, total: None,
) -> tuple[Store | None, list[Skipped], int]:
    """Read the images that the slots lack.

    Boxes come from the samples each time, so that correcting one decodes nothing. A bad image is
    tried again each time, as a missing decoder may have been installed.

    Returns:
        The store, or None if no sample can be used; the samples that can't be used; and how many
        images were there already. UserErrors as of `complete`.
    """
    bad = {sample.id: fault for sample in samples if (fault := fault_of(sample))}
    sound = [sample for sample in samples if not sample.faults]
    marks = {sample.id: fingerprint(sample) for sample in sound}

    def line_of(sample: Sample, decoded: tuple[Tensor, Geometry]) -> tuple[ImageLine, Tensor]:
        image, geometry = decoded
        return ImageLine(id=sample.id, fingerprint=marks[sample.id], geometry=geometry), image

    there, unread, reused = complete(
        slots,
        sound,
        # A file may hold images of the same id and other files, of a data set in another folder.
        lambda line: marks.get(line.id) == line.fingerprint,
        partial(decode, size=size, resize=resize),
        line_of,
        progress,
    )
    bad |= unread
    usable, targets = list[Sample](), list[Target]()
    for sample in (sample for sample in sound if sample.id in there):
        try:
            targets.append(target_of(sample, there[sample.id].geometry.original_size, labels))
            usable.append(sample)
        except UserError as error:
            bad[sample.id] = error
    skipped = [(item.id, bad[item.id]) for item in samples if item.id in bad]
    if not usable:
        return None, skipped, reused
    images = slots.images([there[sample.id].index for sample in usable], size)
    geometry = [there[sample.id].geometry for sample in usable]
    padded = network_targets(targets, geometry, labels)
    return Store(usable, images, padded, targets, geometry, labels), skipped, reused


def refuse_unusable(samples: Sequence[Sample]) -> None:
    """Raise a UserError for a data set without images, or with ids that are there twice."""
    if not samples:
        raise user_error("the data set is empty: the loader found no images")
    repeated = [id for id, count in Counter(sample.id for sample in samples).items() if count > 1]
    if repeated:
        raise UserError(Problem(id, "two samples have this id; ids must differ") for id in repeated)


def network_targets(
    targets: Sequence[Target], geometry: Sequence[Geometry], labels: tuple[str, ...]
) -> Targets:
    """Targets in original pixels as those of a batch, in network pixels."""
    return pad_targets(
        [at.to_network(item.boxes) for at, item in zip(geometry, targets, strict=True)],
        [torch.tensor([labels.index(name) for name in item.labels]).long() for item in targets],
    )


def refuse_absent_labels(store: Store) -> None:
    """Refuse labels that no image has a box of, or that some boxes spell in another case.

    Raises:
        UserError: naming them, and the labels that are there.
    """
    found = {name for target in store.originals for name in target.labels}
    known = sorted({name for s in store.samples if s.target for name in s.target.labels})
    absent = [label for label in store.labels if label not in found]
    if absent:
        there = f"its labels are: {', '.join(known)}" if known else "it has no boxes at all"
        close = {suggest(label, known) for label in absent}
        meant = "".join(sorted(text for text in close if text.endswith("?")))
        raise user_error(f"no image has a box for data.labels {', '.join(absent)}; {there}{meant}")
    folded = {label.casefold(): label for label in store.labels}
    for name in known:
        if name not in store.labels and name.casefold() in folded:
            label = folded[name.casefold()]
            raise user_error(f"some boxes are called {name!r} and others {label!r}; rename them")
