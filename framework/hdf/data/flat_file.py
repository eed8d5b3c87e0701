"""A flat file of equal slots with a journal of the whole ones, so that it survives a kill."""

from __future__ import annotations

import json
import os
import weakref
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor

from hdf.errors import user_error

TOGETHER = 256
"""Images read at a time."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """A line of the journal.

    Attributes:
        index: the first slot.
        id: of the sample.
        crc32: of the slots' bytes and of the rest of the line.
    """

    index: int
    id: str
    crc32: int = 0

    @property
    def slots(self) -> int:
        """How many slots the line is about."""
        return 1

    def checksum(self, content: bytes) -> int:
        """What `crc32` must be."""
        rest = {**asdict(self), "crc32": 0}
        return zlib.crc32(json.dumps(rest, sort_keys=True).encode(), zlib.crc32(content))


L = TypeVar("L", bound=Line)


class FlatFile(Generic[L]):
    """Slots of bytes, one after the other, and a journal that only grows.

    A line is written after its slots, and a slot only once, so that a training can read the file
    while another process appends to it.

    Args:
        path: of the slots.
        journal: of the lines.
        size: of a slot in bytes.
        parse: makes a line of its plain values; it may raise ValueError, TypeError, KeyError or
            AttributeError if they are damaged.
    """

    def __init__(
        self, path: Path, journal: Path, size: int, parse: Callable[[dict[str, Any]], L]
    ) -> None:
        self.path, self.journal, self.size = path, journal, size
        self._parse = parse

    def lines(self, wanted: Callable[[L], bool]) -> dict[str, L]:
        """The last wanted line of each id whose slots have the right checksum."""
        if not self.journal.exists() or not self.path.exists():
            return {}
        with self.journal.open("rb") as journal:
            found = (line for text in journal if (line := self._line(text)))
            last = {line.id: line for line in found if wanted(line)}
        with self.path.open("rb") as slots:
            return {id: line for id, line in last.items() if self._is_whole(slots, line)}

    def _line(self, text: bytes) -> L | None:
        """None if the line was cut short or damaged."""
        try:
            line = self._parse(json.loads(text))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return None
        whole = isinstance(line.index, int) and line.index >= 0 and isinstance(line.id, str)
        return line if whole else None

    def _is_whole(self, file: Any, line: L) -> bool:
        start, count = line.index * self.size, line.slots * self.size
        if start + count > os.fstat(file.fileno()).st_size:  # seek refuses huge numbers
            return False
        file.seek(start)
        content = file.read(count)
        return len(content) == count and line.checksum(content) == line.crc32

    @contextmanager
    def appending(self) -> Iterator[Callable[[L, bytes], L]]:
        """Append slots; only one process may.

        Yields:
            A function that writes a line's slots, then the line, and returns it with its index and
            checksum. It raises OSError if the disk is full.
        """
        with self.path.open("ab") as slots, self.journal.open("ab") as journal:
            end = -(-slots.tell() // self.size) * self.size
            slots.write(bytes(end - slots.tell()))  # gives up a slot that was cut short
            slots.flush()
            journal.write(b"\n" if journal.tell() else b"")  # ends a line that was cut short

            def append(line: L, content: bytes) -> L:
                line = replace(line, index=slots.tell() // self.size)
                slots.write(content)
                slots.flush()
                line = replace(line, crc32=line.checksum(content))
                journal.write(json.dumps(asdict(line)).encode() + b"\n")
                journal.flush()
                return line

            yield append


class ImageFile:
    """uint8 images [N, 1, H, W] that stay on disk.

    They are read, not mapped: pages of a mapped file count as this process's memory.

    Args:
        path: images of H x W bytes, one after the other.
        slots: which image of the file each one is, counted from 0.
        size: (height, width).
    """

    device = torch.device("cpu")

    def __init__(self, path: Path, slots: Sequence[int], size: tuple[int, int]) -> None:
        self.slots, self.size = list(slots), size
        self.shape = (len(self.slots), 1, *size)
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

    def to(self, device: torch.device) -> Tensor:
        """All images in memory, read a few at a time: a GPU may have more than the computer."""
        moved = torch.empty(self.shape, dtype=torch.uint8, device=device)
        for chosen in torch.split(torch.arange(len(self)), TOGETHER):
            moved[chosen.to(device)] = self[chosen].to(device)
        return moved

    def __getitem__(self, index: Tensor) -> Tensor:
        """Images uint8 [B, 1, H, W] on the CPU, for positions int64 [B].

        Raises:
            UserError: the file was truncated.
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
