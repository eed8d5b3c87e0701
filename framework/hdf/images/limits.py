"""Limits that keep crafted files from taking minutes or all memory in a decoder."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hdf.errors import UnreadableError

if TYPE_CHECKING:
    from pydicom import Dataset
    from pydicom.uid import UID

_JPEG_SIZES = frozenset({*range(0xC0, 0xD0), 0xF7}) - {0xC4, 0xC8, 0xCC}
_SIZ = b"\xff\x4f\xff\x51"
_SOS = b"\xff\xda"
_END = b"\xff\xd9"  # of all three families; inside compressed data it never occurs
MAX_SCANS = 100
"""A progressive JPEG usually has about ten."""


class LimitedFile(io.BufferedReader):
    """A file with a limited number of calls of `read`.

    Headers are read element by element, in Python: a few megabytes of empty ones take minutes.
    """

    def __init__(self, path: Path, most: int) -> None:
        super().__init__(io.FileIO(path))
        self.left = most

    def read(self, size: int | None = -1, /) -> Any:
        """Raises UnreadableError after too many calls."""
        self.left -= 1
        if self.left < 0:
            raise UnreadableError("it consists of too many parts")
        return super().read(size)


def refuse_many_scans(data: bytes) -> None:
    """Refuse a JPEG with many scans: each costs a pass over all pixels, however short it is."""
    if data.count(_SOS) > MAX_SCANS:
        raise UnreadableError(f"it has more than {MAX_SCANS} scans")


def check_codestream(dataset: Dataset, syntax: UID) -> None:
    """Refuse compressed pixels of a DICOM that are truncated, or of another size than it states.

    Decoders take memory for the codestream's own size, and some fill in missing data.
    """
    from pydicom.encaps import get_frame
    from pydicom.uid import RLELossless

    if syntax == RLELossless:
        return  # decoded into an array of the header's size
    data = get_frame(dataset.PixelData, 0, number_of_frames=1)
    size = _jpeg_2000_size(data) if _SIZ in data[:4096] else _jpeg_size(data)
    if size != (dataset.Rows, dataset.Columns):
        raise UnreadableError("its compressed pixels have another size than Rows and Columns say")
    _, end, padding = data.rpartition(_END)
    if not end or len(set(padding)) > 1:  # archives pad with zeros, blanks or FF
        raise UnreadableError("its compressed pixels are truncated")
    refuse_many_scans(data)


def _jpeg_2000_size(data: bytes) -> tuple[int, int]:
    """(height, width) by ISO/IEC 15444-1, A.5.1: the reference grid minus its offset."""
    at = data.index(_SIZ) + len(_SIZ) + 4
    width, height, left, top = (
        int.from_bytes(data[start : start + 4], "big") for start in range(at, at + 16, 4)
    )
    return height - top, width - left


def _jpeg_size(data: bytes) -> tuple[int, int]:
    """(height, width) of JPEG (ISO/IEC 10918-1, B.2.2) and JPEG-LS (ISO/IEC 14495-1, C.2.2)."""
    at = 2
    while data[at : at + 1] == b"\xff" and at + 9 <= len(data):
        marker = data[at + 1]
        if marker in _JPEG_SIZES:
            height, width = data[at + 5 : at + 7], data[at + 7 : at + 9]
            return int.from_bytes(height, "big"), int.from_bytes(width, "big")
        at += 1 if marker == 0xFF else 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    raise UnreadableError("its compressed pixels have no frame header")
