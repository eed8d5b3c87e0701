"""Every image decoded once, resized to the network's image and kept as 8-bit grey."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

import torch
from torch import Tensor

from hdf.data.decode import Decoded, attempted, decode
from hdf.data.image_file import ImageFile
from hdf.data.masks import Masks
from hdf.data.resize import Resize
from hdf.errors import Problem, UserError, user_error
from hdf.runtime.memory_budget import fits
from hdf.runtime.workers import map_samples
from hdf.types import Geometry, Sample, Target, Targets, pad_targets

Progress = Callable[[int, int], None]


TOGETHER = 256
"""Images that are copied at a time."""


class Known(Protocol):
    """What is known of an image beside its pixels."""

    @property
    def geometry(self) -> Geometry: ...

    @property
    def target(self) -> Target: ...


@dataclass(frozen=True)
class Store:
    """A data set, ready for training.

    Attributes:
        samples: in the order of `images`.
        images: uint8 [N, 1, H, W], network pixels; both kinds are indexed with int64 [B].
        targets: boxes in network pixels, without masks; labels are indices into `labels`.
        originals: the same boxes in the pixels of the original images.
        geometry: how each image was placed.
        labels: the recipe's ``data.labels``.
        masks: of the boxes of `targets`, or None where they were not asked for.
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
        images = self.images
        if isinstance(images, ImageFile):
            return images.size
        return images.shape[-2], images.shape[-1]

    def only(self, positions: Sequence[int]) -> Store:
        """The images at these positions, in order."""
        chosen = torch.tensor(positions)
        return Store(
            [self.samples[i] for i in positions],
            _chosen(self.images, chosen),
            self.targets[chosen.to(self.targets.valid.device)],
            [self.originals[i] for i in positions],
            [self.geometry[i] for i in positions],
            self.labels,
            self.masks and self.masks[chosen],
        )

    def digest(self) -> str:
        """Changes with any image's name, patient, source, labels, true boxes, pixels or masks."""
        facts = [
            (sample.id, sample.group, sample.source, target.labels, target.boxes.tolist())
            for sample, target in zip(self.samples, self.originals, strict=True)
        ]
        found = hashlib.sha256(json.dumps(facts).encode())
        for chosen in torch.split(torch.arange(len(self)), TOGETHER):
            found.update(taken(self.images, chosen).cpu().numpy().tobytes())
            if self.masks:
                found.update(self.masks.read(chosen).cpu().numpy().tobytes())
        return found.hexdigest()[:16]

    def to(self, device: torch.device) -> Store:
        """The store with network targets on `device`, and images and masks as well where they fit.

        Where they take more than a part of the device's free memory they stay in their files.
        """
        held = [self.images, *([self.masks.packed] if self.masks else [])]
        files = [item for item in held if isinstance(item, ImageFile)]
        resident = fits(sum(file.nbytes for file in files), device)
        moved = [_moved(item, device) if resident else item for item in held]
        masks = self.masks and replace(self.masks, packed=moved[-1])
        return replace(self, images=moved[0], targets=self.targets.to(device), masks=masks)


def taken(images: Tensor | ImageFile, index: Tensor) -> Tensor:
    """Images at int64 [B] (on the CPU), wherever they are."""
    return images[index.to(images.device)] if isinstance(images, Tensor) else images[index]


def _chosen(images: Tensor | ImageFile, index: Tensor) -> Tensor | ImageFile:
    return taken(images, index) if isinstance(images, Tensor) else images.only(index.tolist())


def _moved(images: Tensor | ImageFile, device: torch.device) -> Tensor:
    """A few at a time out of a file: the GPU may have more memory than the computer."""
    if isinstance(images, Tensor):
        return images.to(device)
    moved = torch.empty(len(images), 1, *images.size, dtype=torch.uint8, device=device)
    for chosen in torch.split(torch.arange(len(images)), TOGETHER):
        moved[int(chosen[0]) : int(chosen[-1]) + 1] = images[chosen]
    return moved


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
    """Read every sample into memory.

    Args:
        labels: the structures to keep, in order.
        size: (height, width) of the network's image.
        resize: ``letterbox`` or ``stretch``.
        progress: called with (images done, images in all).

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
    """As `build_store`, with bad samples left out and listed instead of raised.

    Returns:
        The store, or None where no sample can be used; and the samples that were left out.
    """
    one = partial(decode, labels=labels, size=size, resize=resize)
    read = partial(attempted, one)
    pixels = torch.empty(len(samples), 1, *size, dtype=torch.uint8)
    good: list[tuple[Sample, Decoded]] = []
    bad: list[Skipped] = []
    for done, (sample, result) in enumerate(
        zip(samples, map_samples(read, samples), strict=True), 1
    ):
        if isinstance(result, UserError):
            bad.append((sample.id, result))
        else:
            # Into its place at once: a large data set would be in memory twice otherwise.
            row = pixels[len(good)].copy_(result.image)
            good.append((sample, replace(result, image=row)))
        progress(done, len(samples))
    if not good:
        return None, bad
    items = [item for _, item in good]
    return collect([sample for sample, _ in good], items, pixels[: len(good)], labels), bad


def refuse_unusable(samples: Sequence[Sample]) -> None:
    """Refuse a data set of no images, or of images that can't be told apart.

    Raises:
        UserError: naming every id that is there twice.
    """
    if not samples:
        raise user_error("the data set is empty: the loader found no images")
    repeated = [id for id, count in Counter(sample.id for sample in samples).items() if count > 1]
    if repeated:
        raise UserError(Problem(id, "two samples have this id; ids must differ") for id in repeated)


def collect(
    samples: list[Sample],
    items: Sequence[Known],
    images: Tensor | ImageFile,
    labels: tuple[str, ...],
) -> Store:
    """Put images, and what is known of each, into one store."""
    numbers = {label: index for index, label in enumerate(labels)}
    targets = [item.target for item in items]
    padded = pad_targets(
        [item.geometry.to_network(item.target.boxes) for item in items],
        [torch.tensor([numbers[name] for name in target.labels]).long() for target in targets],
    )
    return Store(samples, images, padded, targets, [item.geometry for item in items], labels)


def refuse_absent_labels(store: Store) -> None:
    """Refuse labels that no image has a box of.

    Raises:
        UserError: naming them, and the labels that are there.
    """
    found = {name for target in store.originals for name in target.labels}
    absent = [label for label in store.labels if label not in found]
    if absent:
        known = sorted({name for s in store.samples if s.target for name in s.target.labels})
        there = f"its labels are: {', '.join(known)}" if known else "it has no boxes at all"
        raise user_error(f"no image has a box for data.labels {', '.join(absent)}; {there}")
