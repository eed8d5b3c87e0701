"""Boxes and masks as tensors: true ones, those that a head finds, and the way back to the image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Targets:
    """The targets of many images in network pixels, padded to the largest number of boxes, N >= 1.

    Attributes:
        boxes: float32 [B, N, 4]; zeros where `valid` is False.
        labels: int64 [B, N], indices into the recipe's ``data.labels``.
        valid: bool [B, N], False for padding.
        masks: bool [B, N, H, W], all False where a mask is not known; None where nothing asks for
            masks.
    """

    boxes: Tensor
    labels: Tensor
    valid: Tensor
    masks: Tensor | None = None

    def __len__(self) -> int:
        return len(self.boxes)

    def __getitem__(self, index: Tensor | list[int] | slice) -> Targets:
        return self._each(lambda item: item[index])

    def to(self, device: torch.device) -> Targets:
        return self._each(lambda item: item.to(device))

    def _each(self, change: Callable[[Tensor], Tensor]) -> Targets:
        masks = None if self.masks is None else change(self.masks)
        return Targets(change(self.boxes), change(self.labels), change(self.valid), masks)

    def one_per_label(self, count: int) -> tuple[Tensor, Tensor]:
        """The largest box of each of `count` labels, L.

        Returns:
            boxes float32 [B, L, 4] and present bool [B, L]; zeros where a label is absent.
        """
        index, present = self._largest(count)
        boxes = self.boxes.gather(1, index[..., None].expand(-1, -1, 4))
        return torch.where(present[..., None], boxes, 0.0), present

    def masks_per_label(self, count: int) -> tuple[Tensor, Tensor]:
        """The mask of the largest box of each of `count` labels, as `one_per_label` chooses it.

        Returns:
            masks bool [B, L, H, W] and known bool [B, L]; False where a label is absent, and where
            its box has no mask.

        Raises:
            ValueError: there are no masks, as no head or ``box_bounds`` asked for them.
        """
        if self.masks is None:
            raise ValueError("masks were not read: a head that uses them sets uses_masks = True")
        index, present = self._largest(count)
        rows = torch.arange(len(self), device=index.device)[:, None]
        # As bytes: logic on bool is many times slower on a CPU.
        masks = self.masks[rows, index].view(torch.uint8) * present[..., None, None].byte()
        return masks.view(torch.bool), masks.flatten(2).amax(-1).bool()

    def _largest(self, count: int) -> tuple[Tensor, Tensor]:
        """The largest box of each label: positions int64 [B, L] and present bool [B, L]."""
        size = self.boxes[..., 2:] - self.boxes[..., :2]
        area = torch.where(self.valid, size.prod(-1), -1.0)
        is_label = self.labels[:, None] == torch.arange(count, device=area.device)[:, None]
        by_label = torch.where(is_label & self.valid[:, None], area[:, None], -1.0)  # [B, L, N]
        largest, index = by_label.max(-1)
        return index, largest >= 0


@dataclass(frozen=True, slots=True)
class Batch:
    """Images and their targets on the run's device.

    Attributes:
        images: float32 [B, 1, H, W] in [0, 1].
        targets: the boxes in pixels of these images.
        index: int64 [B] on the CPU, the position of each image in the store.
    """

    images: Tensor
    targets: Targets
    index: Tensor

    def __len__(self) -> int:
        return len(self.images)

    def part(self, rows: slice) -> Batch:
        """Some of the images."""
        return Batch(self.images[rows], self.targets[rows], self.index[rows])


def pad_targets(
    boxes: Sequence[Tensor], labels: Sequence[Tensor], masks: Sequence[Tensor] | None = None
) -> Targets:
    """Put targets of different lengths into one padded `Targets`.

    An image has boxes float32 [N, 4], labels int64 [N] and, if there are any, masks bool [N, H, W].
    """
    valid = [torch.ones(len(item), dtype=torch.bool) for item in labels]
    return Targets(_pad(boxes), _pad(labels), _pad(valid), None if masks is None else _pad(masks))


def _pad(items: Sequence[Tensor]) -> Tensor:
    longest = max(1, *(len(item) for item in items))  # a slot even where no image has a box
    padded = items[0].new_zeros(len(items), longest, *items[0].shape[1:])
    for row, item in zip(padded, items, strict=True):
        row[: len(item)] = item
    return padded


@dataclass(frozen=True, slots=True)
class Detections:
    """What a head found in one image.

    Attributes:
        boxes: float32 [K, 4], pixel edges.
        labels: int64 [K], indices into the recipe's ``data.labels``.
        scores: float32 [K] in [0, 1].
        spread: float32 [K, 4], one standard deviation of each edge in pixels, or None.
    """

    boxes: Tensor
    labels: Tensor
    scores: Tensor
    spread: Tensor | None = None

    @classmethod
    def one_a_label(cls, boxes: Tensor, scores: Tensor, spread: Tensor | None) -> Self:
        """What stands at each label's place, without the labels that were not found.

        Boxes are float32 [L, 4], NaN for a label that was not found; scores float32 [L]; spread
        float32 [L, 4], or None.
        """
        (found,) = (~boxes.isnan().any(-1)).nonzero(as_tuple=True)
        return cls(boxes[found], found, scores[found], None if spread is None else spread[found])

    def cpu(self) -> Detections:
        spread = None if self.spread is None else self.spread.cpu()
        return Detections(self.boxes.cpu(), self.labels.cpu(), self.scores.cpu(), spread)

    def best(self, label: int) -> Tensor | None:
        """The box [4] of the highest score for one label, or None."""
        found = (self.labels == label).nonzero().flatten()
        return self.boxes[found[self.scores[found].argmax()]] if len(found) else None


@dataclass(frozen=True, slots=True)
class Geometry:
    """How an original image was placed into the network's image: first scaled, then shifted.

    Attributes:
        original_size: (height, width) of the image as read.
        scale: (x, y), network pixels per original pixel.
        offset: (x, y), network pixels.
        pixel_spacing: (row, column) in mm, where the file states it.
    """

    original_size: tuple[int, int]
    scale: tuple[float, float]
    offset: tuple[float, float]
    pixel_spacing: tuple[float, float] | None = None

    def to_network(self, boxes: Tensor) -> Tensor:
        """Boxes [..., 4] from original pixels to network pixels."""
        return boxes * boxes.new_tensor(self.scale * 2) + boxes.new_tensor(self.offset * 2)

    def to_original(self, boxes: Tensor) -> Tensor:
        """Boxes [..., 4] from network pixels to original pixels."""
        return (boxes - boxes.new_tensor(self.offset * 2)) / boxes.new_tensor(self.scale * 2)

    def detections_to_original(self, detections: Detections) -> Detections:
        """Boxes and spreads in original pixels."""
        spread = detections.spread
        if spread is not None:
            spread = spread / spread.new_tensor(self.scale * 2)
        return replace(detections, boxes=self.to_original(detections.boxes), spread=spread)
