"""The reviewer's decisions, and the journal that has each on disk before the page is answered."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from hdf.errors import user_error
from hdf.files.atomic import sync_folder
from hdf.files.lock import locked

Edge = Annotated[float, Field(allow_inf_nan=False)]
Box = tuple[Edge, Edge, Edge, Edge]
Boxes = dict[str, Box]
State = Literal["open", "accepted", "flagged"]

SMALLEST = 1.0
"""The least width and height of a box, pixels."""
TOLERANCE = 0.01
"""How far an edge may lie outside the image because of rounding, pixels."""
HEADER = (json.dumps({"made_by": "hdf review", "format": 1}) + "\n").encode()


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Decision(_Model):
    """A reviewer's decision about an image.

    Attributes:
        id: made by the page, so that a change that is sent twice is saved once.
        name: of the image, as `hdf.inference.sources.ImagePath` has it.
        boxes: by label, (x0, y0, x1, y1) on pixel edges of the original image.
    """

    id: str = Field(pattern=r"^[0-9a-f-]{8,64}$")
    name: str
    state: State
    boxes: Boxes
    note: str = Field(default="", max_length=500)


class Change(Decision):
    """A decision that the page asks to save.

    Attributes:
        base: the revision that the page had loaded; 0 if there was none.
    """

    base: int = Field(ge=0)


class Entry(Decision):
    """A decision in the journal.

    Attributes:
        revision: number of this decision about the image, from 1.
        size: (height, width) of the image.
        corrected: whether the boxes differ from the model's.
    """

    revision: int = Field(ge=1)
    size: tuple[int, int]
    corrected: bool


class Written(_Model):
    """The last written state of the tables: SHA-256 of each file, empty if there is none."""

    table: str
    flagged: str


def fault_of(change: Change, size: tuple[int, int], labels: tuple[str, ...]) -> str:
    """Why a change to an image of (height, width) is not valid; empty if it is."""
    height, width = size
    unknown = sorted(change.boxes.keys() - set(labels))
    if unknown:
        return f"the model has no label {unknown[0]!r}"
    if change.state == "accepted" and not change.boxes:
        return "an accepted image needs a box; flag the image instead"
    for label, (x0, y0, x1, y1) in change.boxes.items():
        if x1 - x0 < SMALLEST or y1 - y0 < SMALLEST:
            return f"the box of {label} is too small"
        if max(-x0, -y0, x1 - width, y1 - height) > TOLERANCE:
            return f"the box of {label} leaves the image"
    return ""


LINE: TypeAdapter[Entry | Written] = TypeAdapter(Entry | Written)


class Journal:
    """A file of JSON lines that only grows, for one process at a time.

    Attributes:
        entries: all entries that it had when it was opened, in order.
        written: the last written state of the tables; None if they were never written.

    Args:
        path: created if missing. An incomplete last line, as after a kill, was never confirmed; it
            is dropped.

    Raises:
        UserError: the file is not a journal, is damaged before its last line, can't be written, or
            is locked by another process.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = path.open("ab+", buffering=0)
        except OSError as error:
            raise user_error(f"can't be written: {error.strerror}", str(path)) from error
        try:
            if not locked(self._file.fileno()):
                message = "another hdf review has this table open; end it, or give another --out"
                raise user_error(message, str(path))
            lines = self._replayed()
        except BaseException:
            self.close()
            raise
        self.entries = [line for line in lines if isinstance(line, Entry)]
        self.written = next((line for line in lines[::-1] if isinstance(line, Written)), None)

    def append(self, entry: Entry) -> None:
        """Store an entry durably: it survives a kill and a power failure.

        Raises:
            OSError: it can't be stored, as on a full disk; the journal is unchanged.
        """
        self._write(entry.model_dump_json().encode() + b"\n")

    def note(self, written: Written) -> None:
        """Store the state of the tables; it raises what `append` does."""
        self.written = written
        self._write(written.model_dump_json().encode() + b"\n")

    def close(self) -> None:
        """Release the journal for other processes."""
        self._file.close()

    def _replayed(self) -> list[Entry | Written]:
        self._file.seek(0)
        held = self._file.read()
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
        self._file.truncate(length)
        os.fsync(self._file.fileno())

    def _write(self, line: bytes) -> None:
        end = self._file.seek(0, os.SEEK_END)
        try:
            while line:
                line = line[self._file.write(line) :]
            os.fsync(self._file.fileno())
        except OSError:
            self._file.truncate(end)
            raise
