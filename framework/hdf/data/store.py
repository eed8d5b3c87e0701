"""Every image decoded once, resized to the network's image and kept as 8-bit grey."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from hdf.data.decode import attempted, decode, target_of
from hdf.data.masks import Masks
from hdf.data.resize import Resize
from hdf.errors import Problem, UserError, suggest, user_error
from hdf.runtime.resources import fits
from hdf.runtime.workers import map_samples
from hdf.types import Geometry, Sample, Target, Targets, pad_targets

if TYPE_CHECKING:
    from hdf.data.flat_file import ImageFile

Progress = Callable[[int, int], None]
TOGETHER = 256
"""Images that are read at once."""


@dataclass(frozen=True)
class Store:
    """A data set, ready for training.

    Attributes:
        samples: in the order of `images`.
        images: uint8 [N, 1, H, W], network pixels; a tensor and a file alike are indexed with
            int64 [B].
        targets: boxes in network pixels, without masks; labels are indices into `labels`.
        originals: the same boxes in the pixels of the original images.
        geometry: where each original image lies in the network's.
        labels: the recipe's ``data.labels``.
        masks: of the boxes of `targets`; None if nothing needs them.
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
        """What is stored at int64 [B] (on the CPU).

        Returns:
            Images uint8 [B, 1, H, W], and packed masks uint8 [B, boxes, bytes] if there are any.
        """
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
            self.masks and self.masks[chosen],
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
        """The store with targets on `device`; images and masks too, if its free memory has room.

        Otherwise they stay in their files.
        """
        moved = replace(self, targets=self.targets.to(device))
        if not fits(sum(file.nbytes for file in self.files), device):
            return moved
        masks = self.masks and replace(self.masks, packed=self.masks.packed.to(device))
        return replace(moved, images=self.images.to(device), masks=masks)


Skipped = tuple[str, UserError]
"""A sample's id, and why it can't be used."""


def build_store(
    samples: Sequence[Sample],
    labels: tuple[str, ...],
    size: tuple[int, int],
    resize: Resize = "letterbox",
    *,
    progress: Progress = lambda done, total: None,
) -> Store:
    """As `read_usable`, for samples that must all be good.

    Raises:
        UserError: with all faults of all samples.
    """
    store, bad = read_usable(samples, labels, size, resize, progress=progress)
    if bad or store is None:
        raise UserError.joined([error for _, error in bad])
    return store


def read_usable(
    samples: Sequence[Sample],
    labels: tuple[str, ...],
    size: tuple[int, int],
    resize: Resize = "letterbox",
    *,
    progress: Progress = lambda done, total: None,
) -> tuple[Store | None, list[Skipped]]:
    """Read samples into memory.

    Args:
        labels: the structures to keep, in order.
        size: (height, width) of the network's image.
        resize: ``letterbox`` or ``stretch``.
        progress: called with the numbers of images done and in all.

    Returns:
        The store, or None if no sample can be used; and the samples that can't be used.
    """
    read = partial(attempted, partial(decode, size=size, resize=resize))
    pixels = torch.empty(len(samples), 1, *size, dtype=torch.uint8)
    usable: list[Usable] = []
    bad: list[Skipped] = []
    results = zip(samples, map_samples(read, samples), strict=True)
    for done, (sample, result) in enumerate(results, 1):
        try:
            if isinstance(result, UserError):
                raise result
            image, geometry = result
            target = target_of(sample, geometry.original_size, labels)
            pixels[len(usable)] = image  # at once: a list of images would double the memory
            usable.append(Usable(sample, geometry, target))
        except UserError as error:
            bad.append((sample.id, error))
        progress(done, len(samples))
    return (collect(usable, pixels[: len(usable)], labels) if usable else None), bad


def refuse_unusable(samples: Sequence[Sample]) -> None:
    """Refuse a data set without images, or with an id that is there twice.

    Raises:
        UserError: naming every id that is there twice.
    """
    if not samples:
        raise user_error("the data set is empty: the loader found no images")
    repeated = [id for id, count in Counter(sample.id for sample in samples).items() if count > 1]
    if repeated:
        raise UserError(Problem(id, "two samples have this id; ids must differ") for id in repeated)


class Usable(NamedTuple):
    """A sample whose image could be read, and its boxes in original pixels."""

    sample: Sample
    geometry: Geometry
    target: Target


def collect(usable: Sequence[Usable], images: Tensor | ImageFile, labels: tuple[str, ...]) -> Store:
    """Put samples and their images, in the same order, into one store."""
    targets = [item.target for item in usable]
    geometry = [item.geometry for item in usable]
    padded = network_targets(targets, geometry, labels)
    return Store([item.sample for item in usable], images, padded, targets, geometry, labels)


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
