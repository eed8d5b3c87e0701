"""A flat file that survives being killed: slots of equal size, and a journal of what is whole."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Generic, TypeVar


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of the journal.

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
        """How many slots it speaks of."""
        return 1

    def checksum(self, content: bytes) -> int:
        """What `crc32` must be."""
        rest = {**asdict(self), "crc32": 0}
        return zlib.crc32(json.dumps(rest, sort_keys=True).encode(), zlib.crc32(content))


L = TypeVar("L", bound=Line)


class FlatFile(Generic[L]):
    """Slots of bytes, one after the other, and a journal that only grows.

    A line follows its slots, and a slot is never written twice, so a training that reads the file
    is not disturbed by another process that adds to it.

    Args:
        path: of the slots.
        journal: of the lines.
        size: of a slot in bytes.
        parse: a journal's line from its plain values; it may raise ValueError, TypeError, KeyError
            or AttributeError where they are damaged.
    """

    def __init__(
        self, path: Path, journal: Path, size: int, parse: Callable[[dict[str, Any]], L]
    ) -> None:
        self.path, self.journal, self.size = path, journal, size
        self._parse = parse

    def lines(self, wanted: Callable[[L], bool]) -> dict[str, L]:
        """The last wanted line of each id, its slots' checksum verified."""
        if not self.journal.exists() or not self.path.exists():
            return {}
        with self.journal.open("rb") as journal:
            found = (line for text in journal if (line := self._line(text)))
            last = {line.id: line for line in found if wanted(line)}
        with self.path.open("rb") as slots:
            return {id: line for id, line in last.items() if self._is_whole(slots, line)}

    def _line(self, text: bytes) -> L | None:
        """None where it was cut short or damaged."""
        try:
            line = self._parse(json.loads(text))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return None
        whole = isinstance(line.index, int) and line.index >= 0 and isinstance(line.id, str)
        return line if whole else None

    def _is_whole(self, file: Any, line: L) -> bool:
        start, count = line.index * self.size, line.slots * self.size
        if start + count > os.fstat(file.fileno()).st_size:  # no place may be too large to go to
            return False
        file.seek(start)
        content = file.read(count)
        return len(content) == count and line.checksum(content) == line.crc32

    @contextmanager
    def appending(self) -> Iterator[Appender[L]]:
        """Add slots; only one process may."""
        with ExitStack() as open_files:
            slots = open_files.enter_context(self.path.open("ab"))
            journal = open_files.enter_context(self.journal.open("ab"))
            yield Appender(slots, journal, self.size)


class Appender(Generic[L]):
    """Adds at the end of a flat file."""

    def __init__(self, slots: Any, journal: Any, size: int) -> None:
        self.slots, self.journal, self.size = slots, journal, size
        whole = -(-slots.tell() // size) * size
        slots.write(bytes(whole - slots.tell()))  # a slot that was cut short is given up
        slots.flush()
        journal.write(b"\n" if journal.tell() else b"")  # ends a line that was cut short

    def add(self, line: L, content: bytes) -> L:
        """Write whole slots, then their line.

        Args:
            line: its place and its checksum are filled in.

        Raises:
            OSError: the disk is full.
        """
        line = replace(line, index=self.slots.tell() // self.size)
        self.slots.write(content)
        self.slots.flush()
        line = replace(line, crc32=line.checksum(content))
        self.journal.write(json.dumps(asdict(line)).encode() + b"\n")
        self.journal.flush()
        return line
