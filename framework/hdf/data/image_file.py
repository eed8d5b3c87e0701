"""Images in a flat file, read a batch at a time."""

from __future__ import annotations

import os
import weakref
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from hdf.errors import user_error


class ImageFile:
    """uint8 images [N, 1, H, W] that stay on disk.

    They are read, not mapped: pages of a mapped file count as this process's memory.

    Args:
        path: images of H x W bytes, one after the other.
        slots: the place of each image in the file, counted from 0.
        size: (height, width).
    """

    def __init__(self, path: Path, slots: Sequence[int], size: tuple[int, int]) -> None:
        self.slots, self.size = list(slots), size
        self.path = path
        self._file = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        weakref.finalize(self, os.close, self._file)

    def __len__(self) -> int:
        return len(self.slots)

    def only(self, positions: Sequence[int]) -> ImageFile:
        """The images at these positions, in order."""
        return ImageFile(self.path, [self.slots[i] for i in positions], self.size)

    @property
    def nbytes(self) -> int:
        return len(self.slots) * self.size[0] * self.size[1]

    def __getitem__(self, index: Tensor) -> Tensor:
        """Images uint8 [B, 1, H, W] on the CPU, for positions int64 [B].

        Raises:
            UserError: the file has become shorter than it was.
        """
        images = torch.empty(len(index), 1, *self.size, dtype=torch.uint8)
        rows = images.flatten(1).numpy()
        for row, position in zip(rows, index.tolist(), strict=True):
            memoryview(row)[:] = self._read(self.slots[position])
        return images

    def _read(self, slot: int) -> bytes:
        count = self.size[0] * self.size[1]
        found = os.pread(self._file, count, slot * count)
        if len(found) < count:
            message = f"image {slot} of the store is cut short; run hdf prepare again"
            raise user_error(message, where=str(self.path))
        return found
