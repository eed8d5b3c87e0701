"""The journal: every decision is on disk before the page gets its answer; one process at a time."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from hdf.errors import user_error
from hdf.files.atomic import sync_folder
from hdf.files.lock import locked
from hdf.tools.review.entries import Entry, Written

HEADER = (json.dumps({"made_by": "hdf review", "format": 1}) + "\n").encode()
LINE: TypeAdapter[Entry | Written] = TypeAdapter(Entry | Written)


class Journal:
    """A file of JSON lines that only grows.

    Attributes:
        entries: all entries that it had when it was opened, in order.
        written: the last written state of the tables; None if they were never written.

    Args:
        path: of the file, which is created if missing. An incomplete last line, as after a kill,
            was never confirmed; it is dropped.

    Raises:
        UserError: the file is not a journal, is damaged before its last line, can't be written, or
            is locked by another process.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise user_error(f"can't be written: {error.strerror}", str(path)) from error
        try:
            if not locked(self._file):
                message = "another hdf review has this table open; end it, or give another --out"
                raise user_error(message, str(path))
            lines = self._replayed()
        except BaseException:
            self.close()
            raise
        self.entries = [line for line in lines if isinstance(line, Entry)]
        states = [line for line in lines if isinstance(line, Written)]
        self.written = states[-1] if states else None

    def append(self, entry: Entry) -> None:
        """Store an entry durably: it survives a kill and a power failure.

        Raises:
            OSError: it can't be stored, as on a full disk; the journal is unchanged.
        """
        self._write(entry.model_dump_json().encode() + b"\n")

    def note(self, written: Written) -> None:
        """Store the state of the tables.

        Raises:
            OSError: it can't be stored; the journal is unchanged.
        """
        self.written = written
        self._write(written.model_dump_json().encode() + b"\n")

    def close(self) -> None:
        """Release the journal for other processes."""
        os.close(self._file)

    def _replayed(self) -> list[Entry | Written]:
        with os.fdopen(os.dup(self._file), "rb") as file:
            held = file.read()
        if len(held) < len(HEADER) and HEADER.startswith(held):
            self._cut(0)
            self._write(HEADER)
            sync_folder(self.path.parent)
            return []
        if not held.startswith(HEADER):
            raise user_error("is not a journal of hdf review; give another --out", str(self.path))
        lines = held[: held.rfind(b"\n") + 1].splitlines(keepends=True)
        parsed = self._parsed(lines[1:])
        self._cut(len(HEADER) + sum(map(len, lines[1 : len(parsed) + 1])))
        return parsed

    def _parsed(self, lines: Sequence[bytes]) -> list[Entry | Written]:
        parsed = []
        for number, line in enumerate(lines, 2):
            try:
                parsed.append(LINE.validate_json(line))
            except ValidationError as error:
                if number > len(lines):
                    break
                message = "this line is damaged; correct it or delete it"
                raise user_error(message, f"{self.path}:{number}") from error
        return parsed

    def _cut(self, length: int) -> None:
        os.ftruncate(self._file, length)
        os.fsync(self._file)

    def _write(self, line: bytes) -> None:
        end = os.lseek(self._file, 0, os.SEEK_END)
        try:
            written = 0
            while written < len(line):
                written += os.write(self._file, line[written:])
            os.fsync(self._file)
        except OSError:
            os.ftruncate(self._file, end)
            raise
