"""Every image decoded once, resized to the network's image and kept as 8-bit grey."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor

from hdf.data.decode import Decoded, decode
from hdf.data.parallel import map_samples
from hdf.data.resize import Resize
from hdf.errors import Problem, UserError, user_error
from hdf.types import Geometry, Sample, Target, Targets, pad_targets


@dataclass(frozen=True)
class Store:
    """A data set, ready for training.

    Attributes:
        samples: in the order of `images`.
        images: uint8 [N, 1, H, W], network pixels.
        targets: boxes in network pixels; labels are indices into `labels`.
        originals: the same boxes in the pixels of the original images.
        geometry: how each image was placed.
        labels: the recipe's ``data.labels``.
    """

    samples: list[Sample]
    images: Tensor
    targets: Targets
    originals: list[Target]
    geometry: list[Geometry]
    labels: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.samples)

    def to(self, device: torch.device) -> Store:
        """The store with images and network targets on `device`."""
        return replace(self, images=self.images.to(device), targets=self.targets.to(device))


def build_store(
    samples: Sequence[Sample],
    labels: tuple[str, ...],
    size: tuple[int, int],
    resize: Resize = "letterbox",
    *,
    masks: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Store:
    """Read every sample.

    Args:
        labels: the structures to keep, in order.
        size: (height, width) of the network's image.
        resize: ``letterbox`` or ``stretch``.
        masks: whether to keep masks where samples have them.
        progress: called with (images done, images in all).

    Raises:
        UserError: with all faults of all samples.
    """
    read = partial(_attempt, labels=labels, size=size, resize=resize, masks=masks)
    results: list[Decoded | UserError] = []
    for result in map_samples(read, samples):
        results.append(result)
        progress(len(results), len(samples))
    errors = [result for result in results if isinstance(result, UserError)]
    if errors:
        raise UserError.joined(errors)
    return _collect(samples, [item for item in results if isinstance(item, Decoded)], labels)


def _attempt(
    sample: Sample, labels: tuple[str, ...], size: tuple[int, int], resize: Resize, masks: bool
) -> Decoded | UserError:
    try:
        return decode(sample, labels, size, resize, masks)
    except UserError as error:
        return error


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


def _collect(samples: Sequence[Sample], items: list[Decoded], labels: tuple[str, ...]) -> Store:
    numbers = {label: index for index, label in enumerate(labels)}
    targets = pad_targets(
        [item.geometry.to_network(item.target.boxes) for item in items],
        [torch.tensor([numbers[name] for name in item.target.labels]).long() for item in items],
        _masks(items),
    )
    return Store(
        list(samples),
        torch.stack([item.image for item in items]),
        targets,
        [item.target for item in items],
        [item.geometry for item in items],
        labels,
    )


def _masks(items: list[Decoded]) -> list[Tensor] | None:
    """Masks of all images; empty ones where an image has none, None where no image has any."""
    if all(item.masks is None for item in items):
        return None
    return [
        torch.zeros(len(item.target.labels), *item.image.shape[-2:], dtype=torch.bool)
        if item.masks is None
        else item.masks
        for item in items
    ]


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
