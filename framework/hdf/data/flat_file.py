"""Equal slots for decoded images and masks, in memory or in a file that survives a kill."""

from __future__ import annotations

import json
import os
import weakref
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor

from hdf.data.decode import attempted
from hdf.errors import UserError, user_error
from hdf.files.lock import locked
from hdf.runtime.workers import map_samples
from hdf.types import Sample

TOGETHER = 256
"""Images read at a time."""
Progress = Callable[[int, int], None]
"""Called with the numbers of samples done and in all."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """What a journal says of one sample: its first slot, and a checksum of slots and line."""

    id: str
    index: int = 0
    crc32: int = 0

    @property
    def slots(self) -> int:
        """How many slots the sample takes."""
        return 1

    def checksum(self, content: bytes) -> int:
        rest = {**asdict(self), "crc32": 0}
        return zlib.crc32(json.dumps(rest, sort_keys=True).encode(), zlib.crc32(content))


L = TypeVar("L", bound=Line)
R = TypeVar("R")


class MemorySlots(Generic[L]):
    """`count` slots of `size` bytes in memory."""

    def __init__(self, count: int, size: int) -> None:
        self._bytes = torch.empty(count, size, dtype=torch.uint8)
        self._used = 0

    def lines(self, wanted: Callable[[L], bool]) -> dict[str, L]:
        return {}  # memory holds what this process adds

    @contextmanager
    def adding(self) -> Iterator[Callable[[L, Tensor], L]]:
        """As `FlatFile.adding`; nobody waits."""
        yield self._add

    def _add(self, line: L, content: Tensor) -> L:
        line = replace(line, index=self._used)
        self._used += line.slots
        self._bytes[line.index : self._used] = content.reshape(line.slots, -1)
        return line

    def images(self, slots: Sequence[int], size: tuple[int, int]) -> Tensor:
        """uint8 [N, 1, *size] of these slots, in rising order; the others are given up."""
        for at, slot in enumerate(slots):  # in place: a copy would double the memory
            if at < slot:
                self._bytes[at] = self._bytes[slot]
        return self._bytes[: len(slots)].view(len(slots), 1, *size)


class FlatFile(Generic[L]):
    """Slots of bytes, one after the other, and a journal that only grows.

    A line is written after its slots, and a slot only once, so that a training can read the file
    while another process appends to it.

    Args:
        path: of the slots; a file ``lock`` beside it is held by whoever appends.
        size: of a slot in bytes.
        parse: makes a line of its plain values; it may raise ValueError, TypeError, KeyError or
            AttributeError if they are damaged.

    Attributes:
        on_wait: called before this process waits for another that appends.
    """

    def __init__(
        self, path: Path, journal: Path, size: int, parse: Callable[[dict[str, Any]], L]
    ) -> None:
        self.path, self.journal, self.size = path, journal, size
        self._parse = parse
        self.on_wait: Callable[[], None] = lambda: None

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
        try:
            line = self._parse(json.loads(text))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return None  # cut short or damaged
        whole = isinstance(line.index, int) and line.index >= 0 and isinstance(line.id, str)
        return line if whole else None

    def _is_whole(self, file: Any, line: L) -> bool:
        start, count = line.index * self.size, line.slots * self.size
        if start + count > os.fstat(file.fileno()).st_size:  # seek refuses huge numbers
            return False
        file.seek(start)
        return line.checksum(file.read(count)) == line.crc32

    @contextmanager
    def adding(self) -> Iterator[Callable[[L, Tensor], L]]:
        """Append slots; only one process may, and others wait for it after calling `on_wait`.

        Yields:
            A function that writes a line's slots, uint8 on the CPU, then the line, and returns the
            line with its index and checksum.

        Raises:
            UserError: the folder can't be written, or the disk is full.
        """
        with ExitStack() as files:
            with self._refusing():
                lock = files.enter_context((self.path.parent / "lock").open("w"))
                if not locked(lock.fileno()):
                    self.on_wait()
                    locked(lock.fileno(), wait=True)
                slots = files.enter_context(self.path.open("ab"))
                journal = files.enter_context(self.journal.open("ab"))
                end = -(-slots.tell() // self.size) * self.size
                slots.write(bytes(end - slots.tell()))  # gives up a slot that was cut short
                slots.flush()
                journal.write(b"\n" if journal.tell() else b"")  # ends a line that was cut short

            def add(line: L, content: Tensor) -> L:
                written = content.numpy().tobytes()
                line = replace(line, index=slots.tell() // self.size)
                line = replace(line, crc32=line.checksum(written))
                with self._refusing():
                    slots.write(written)
                    slots.flush()
                    journal.write(json.dumps(asdict(line)).encode() + b"\n")
                    journal.flush()
                return line

            yield add

    @contextmanager
    def _refusing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            message = f"can't write the store: {error.strerror or error}"
            raise user_error(message, str(self.path.parent)) from error

    def images(self, slots: Sequence[int], size: tuple[int, int]) -> Tensor | ImageFile:
        nothing = torch.zeros(0, 1, *size, dtype=torch.uint8)
        return ImageFile(self.path, slots, size) if slots else nothing


Slots = MemorySlots[L] | FlatFile[L]


def complete(
    slots: Slots[L],
    samples: Sequence[Sample],
    wanted: Callable[[L], bool],
    read: Callable[[Sample], R],
    line_of: Callable[[Sample, R], tuple[L, Tensor]],
    progress: Progress,
) -> tuple[dict[str, L], dict[str, UserError], int]:
    """Read the samples that the slots lack, and add them.

    Args:
        wanted: whether a line is of one of the samples, and up to date.
        read: in a worker; it and `line_of`, for what to add, may raise a UserError.

    Returns:
        The lines and the errors by the samples' ids, and how many lines were there before.

    Raises:
        UserError: the slots can't be written.
    """
    there = slots.lines(wanted)
    reused, bad = len(there), dict[str, UserError]()
    if reused == len(samples):
        return there, bad, reused
    with slots.adding() as add:
        # Another process may have added some in the meantime.
        there |= slots.lines(lambda line: line.id not in there and wanted(line))
        missing = [sample for sample in samples if sample.id not in there]
        results = map_samples(partial(attempted, read), missing)
        for sample, result in zip(missing, results, strict=True):
            try:
                if isinstance(result, UserError):
                    raise result
                made = line_of(sample, result)
            except UserError as error:
                bad[sample.id] = error
            else:
                there[sample.id] = add(*made)
            progress(len(there) + len(bad), len(samples))
    return there, bad, reused


class ImageFile:
    """uint8 images [N, 1, H, W] that stay on disk; slot n begins at byte n * H * W.

    They are read, not mapped: pages of a mapped file count as this process's memory.
    """

    device = torch.device("cpu")

    def __init__(self, path: Path, slots: Sequence[int], size: tuple[int, int]) -> None:
        self.slots, self.size = list(slots), size
        self.shape = (len(self.slots), 1, *size)
        self.path = path
        self._file = os.open(path, os.O_RDONLY)
        weakref.finalize(self, os.close, self._file)

    def __len__(self) -> int:
        return len(self.slots)

    def only(self, positions: Sequence[int]) -> ImageFile:
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
            slot = self.slots[position]
            if os.preadv(self._file, [row], slot * len(row)) < len(row):
                message = f"image {slot} of the store is cut short; run hdf prepare again"
                raise user_error(message, where=str(self.path))
        return images
