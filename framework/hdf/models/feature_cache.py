"""A cache of the feature maps of a frozen backbone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from hdf.models.detector import Detector
from hdf.runtime.device import Compute
from hdf.runtime.resources import fits
from hdf.types import Backbone, Batch


class FeatureCache:
    """Caches on the device the maps of the images of a store, which are not augmented.

    Maps that the head does not read are not cached. Nothing is cached if the maps of all images
    would take too much of the device's free memory (`hdf.runtime.resources`).
    """

    def __init__(self, images: int, compute: Compute) -> None:
        self.compute = compute
        self._known = torch.zeros(images, dtype=torch.bool)
        self._maps: list[Tensor] | None = None

    def features(self, detector: Detector, batch: Batch) -> list[Tensor]:
        """The maps of a batch of images as stored, from the cache if it holds all of them.

        Args:
            detector: its backbone `is_fixed`; different detectors must have equal backbones.
        """
        if self._maps is not None and bool(self._known[batch.index].all()):
            return [_taken(kept, batch.index) for kept in self._maps]
        with torch.no_grad(), self.compute.autocast():
            maps = detector.features(batch.images)
            if self._maps is None:
                self._maps = self._reserved(detector, maps)
        if self._maps:
            for kept, found in zip(self._maps, maps, strict=True):
                if kept.stride(0):
                    kept[batch.index.to(kept.device)] = found
            self._known[batch.index] = True
        return maps

    def _reserved(self, detector: Detector, maps: Sequence[Tensor]) -> list[Tensor]:
        """Memory for the maps of all images; empty if there is too little."""
        read = _maps_read(detector, maps)
        images, device = len(self._known), maps[0].device
        wanted = sum(item[0].nbytes for item, needed in zip(maps, read, strict=True) if needed)
        # Cached maps differ by rounding, and the amount of free memory must not change results.
        if torch.are_deterministic_algorithms_enabled() or not fits(images * wanted, device):
            return []
        return [_room(images, item, needed) for item, needed in zip(maps, read, strict=True)]


def answers(detector: Detector, batch: Batch, cache: FeatureCache | None) -> Any:
    """The head's raw outputs for a batch; the backbone runs unless the maps are cached."""
    if cache is None:
        return detector(batch.images)
    return detector.run_head(cache.features(detector, batch))


def is_fixed(backbone: Backbone) -> bool:
    """Whether a backbone in training mode gives the same maps for the same image every time."""
    learns = any(parameter.requires_grad for parameter in backbone.parameters())
    leaves = (module for module in backbone.modules() if not list(module.children()))
    return not learns and not any(leaf.training for leaf in leaves)


def _room(images: int, like: Tensor, needed: bool) -> Tensor:
    """An empty tensor [images, C, h, w]; for maps that are not read, a single zero, expanded."""
    shape = (images, *like.shape[1:])
    if not needed:
        return like.new_zeros(()).expand(shape)
    with torch.inference_mode(False):  # else training could not write to it
        room = torch.empty(shape, dtype=like.dtype, device=like.device)
        return room.to(memory_format=torch.channels_last)


def _taken(kept: Tensor, index: Tensor) -> Tensor:
    if not kept.stride(0):
        return kept[: len(index)]
    return kept[index.to(kept.device)].contiguous(memory_format=torch.channels_last)


@torch.no_grad()
def _maps_read(detector: Detector, maps: Sequence[Tensor]) -> list[bool]:
    """Which maps affect the head's outputs."""
    training = detector.head.training
    detector.head.eval()  # without dropout, which would change them as well
    answer = list(_tensors(detector.run_head(list(maps))))

    def changes(number: int) -> bool:
        poisoned = [item * torch.nan if i == number else item for i, item in enumerate(maps)]
        other = list(_tensors(detector.run_head(poisoned)))
        return not all(map(torch.equal, answer, other))

    read = [changes(number) for number in range(len(maps))]
    detector.head.train(training)
    return read


def _tensors(raw: Any) -> Iterator[Tensor]:
    if isinstance(raw, Tensor):
        yield raw
    elif isinstance(raw, dict):
        for value in raw.values():
            yield from _tensors(value)
    elif isinstance(raw, list | tuple):
        for value in raw:
            yield from _tensors(value)
