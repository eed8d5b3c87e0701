"""Masks of a data set, one bit per pixel."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from hdf.data.flat_file import ImageFile


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
        packed: uint8 [M, 1, 1, bytes]; a tensor and a file alike are indexed with int64 [B].
        size: (height, width) in network pixels.
    """

    rows: Tensor
    packed: Tensor | ImageFile
    size: tuple[int, int]

    @property
    def nbytes(self) -> int:
        return len(self.packed) * packed_size(self.size)

    def read(self, index: Tensor) -> Tensor:
        """Packed masks uint8 [B, boxes, bytes] of the images int64 [B] (on the CPU).

        On the device of `packed`; zeros where there is no mask.
        """
        rows = self.rows[index]
        known = rows >= 0
        device = self.packed.device
        found = self.packed[rows[known].to(device)].flatten(1)
        masks = found.new_zeros(*rows.shape, packed_size(self.size))
        masks[known.to(device)] = found
        return masks

    def __getitem__(self, index: Tensor) -> Masks:
        """The masks of the images int64 [B]."""
        return replace(self, rows=self.rows[index])
