"""NumPy's files, read without running anything that is in them."""

from __future__ import annotations

import os
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

Pixels = NDArray[Any]

MAX_BYTES = 800_000_000
"""Of an array: the most pixels that are read, in grey of 64 bits."""

# numpy tells of such headers on standard error.
_PYTHON_2 = "Reading `.npy` or `.npz` file required additional header parsing"
_READERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


class _Header(NamedTuple):
    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype[Any]

    @property
    def channel_axis(self) -> int | None:
        shape = self.shape
        if len(shape) == 2:
            return None
        if len(shape) == 3 and shape[2] in (1, 3):
            return 2
        if len(shape) == 3 and shape[0] in (1, 3):
            return 0
        raise ValueError(f"its shape is {list(shape)}; expected [H, W] with one channel or three")


def array_size(path: Path) -> tuple[int, int]:
    """(height, width) of the image in a ``.npy`` or ``.npz`` file."""
    with _opened(path) as (_, header):
        axis = header.channel_axis
        height, width = (side for index, side in enumerate(header.shape) if index != axis)
        return height, width


def array_pixels(path: Path) -> Pixels:
    """Its values, channels last; never more is inflated than the header states."""
    with _opened(path) as (file, header):
        count = prod(header.shape)
        if count * header.dtype.itemsize > MAX_BYTES:
            raise ValueError(f"its array is larger than {MAX_BYTES // 10**6} MB")
        flat = np.empty(count, header.dtype)
        read = file.readinto(flat.view(np.uint8))  # type: ignore[attr-defined]
        if read != flat.nbytes or file.read(1):  # reading to the end checks an archive's checksum
            raise ValueError("the array is cut off, or longer than it says")
    pixels = flat.reshape(header.shape, order="F" if header.fortran else "C")
    if header.dtype.itemsize > 8:  # extended floats, of which torch knows nothing
        with np.errstate(all="ignore"):
            pixels = pixels.astype(np.float64)
    axis = header.channel_axis
    if axis is None:
        return pixels
    return pixels.squeeze(axis) if header.shape[axis] == 1 else np.moveaxis(pixels, axis, -1)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[IO[bytes], _Header]]:
    """A file whose header has been read."""
    if path.suffix.lower() == ".npz":
        with zipfile.ZipFile(path) as archive, archive.open(member := _image_of(archive)) as file:
            yield file, _header(file, member.file_size)
    else:
        with path.open("rb") as file:
            yield file, _header(file, os.fstat(file.fileno()).st_size)


def _header(file: IO[bytes], end: int) -> _Header:
    warnings.filterwarnings("ignore", _PYTHON_2)
    try:
        header = _Header(*_READERS[npy.read_magic(file)](file))
    except Exception as error:  # numpy would quote up to 10 kB of it
        raise ValueError("it does not begin with a header of NumPy's") from error
    if header.dtype.hasobject:
        raise ValueError("it holds pickled Python objects, which are never loaded")
    if header.dtype.kind not in "biuf" or min(header.shape, default=0) < 0:
        raise ValueError("its header describes no array of integers, floats or booleans")
    there, expected = end - file.tell(), prod(header.shape) * header.dtype.itemsize
    if there != expected:
        raise ValueError(f"the header promises {expected} bytes of pixels, not {there}")
    return header


def _image_of(archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    """The only array, or the one that is called ``image``."""
    arrays = [item for item in archive.infolist() if item.filename.endswith(".npy")]
    named = [item for item in arrays if item.filename == "image.npy"]
    if len(named or arrays) != 1:
        names = ", ".join(ascii(item.filename)[1:40].rstrip("'") for item in arrays[:5])
        raise ValueError(f"expected one array, or one called image; it holds {names or 'none'}")
    member = (named or arrays)[0]
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError("it is compressed neither by deflate nor not at all")
    return member
