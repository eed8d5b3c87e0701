"""NumPy's files, read without running anything that is in them."""

from __future__ import annotations

import warnings
import zipfile
from math import prod
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

Pixels = NDArray[Any]

MAX_BYTES = 800_000_000
"""Of an array: the most pixels that are read, in grey of 64 bits."""


class _NpyHeader(NamedTuple):
    dtype: np.dtype[Any]
    fortran: bool
    shape: tuple[int, ...]
    offset: int


# numpy tells of such headers on standard error.
_PYTHON_2 = "Reading `.npy` or `.npz` file required additional header parsing"
_READERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


def _header(file: IO[bytes], end: int) -> _NpyHeader:
    warnings.filterwarnings("ignore", _PYTHON_2)
    try:
        shape, fortran, dtype = _READERS[npy.read_magic(file)](file)
    except Exception as error:  # numpy would quote up to 10 kB of it
        raise ValueError("it does not begin with a header of NumPy's") from error
    if dtype.hasobject:
        raise ValueError("it holds pickled Python objects, which are never loaded")
    if dtype.kind not in "biuf" or min(shape, default=0) < 0:
        raise ValueError("its header describes no array of integers, floats or booleans")
    offset, expected = file.tell(), prod(shape) * dtype.itemsize
    if end - offset != expected:
        raise ValueError(f"the header promises {expected} bytes of pixels, not {end - offset}")
    return _NpyHeader(dtype, fortran, shape, offset)


def _bytes(header: _NpyHeader) -> int:
    size = prod(header.shape) * header.dtype.itemsize
    if size > MAX_BYTES:
        raise ValueError(f"its array is larger than {MAX_BYTES // 10**6} MB")
    return size


def _size(header: _NpyHeader) -> tuple[int, int]:
    axis = _channel_axis(header.shape)
    height, width = (side for index, side in enumerate(header.shape) if index != axis)
    return height, width


def _channel_axis(shape: tuple[int, ...]) -> int | None:
    if len(shape) == 2:
        return None
    if len(shape) == 3 and shape[2] in (1, 3):
        return 2
    if len(shape) == 3 and shape[0] in (1, 3):
        return 0
    raise ValueError(f"its shape is {list(shape)}; expected [H, W] with one channel or three")


def _pixels(header: _NpyHeader, flat: Pixels) -> Pixels:
    pixels = flat.reshape(header.shape, order="F" if header.fortran else "C")
    if header.dtype.itemsize > 8:  # extended floats, of which torch knows nothing
        with np.errstate(all="ignore"):
            pixels = pixels.astype(np.float64)
    axis = _channel_axis(header.shape)
    if axis is None:
        return pixels
    return pixels.squeeze(axis) if header.shape[axis] == 1 else np.moveaxis(pixels, axis, -1)


def npy_size(path: Path) -> tuple[int, int]:
    with path.open("rb") as file:
        return _size(_header(file, path.stat().st_size))


def npy_pixels(path: Path) -> Pixels:
    """Channels last."""
    with path.open("rb") as file:
        header = _header(file, path.stat().st_size)
    count = _bytes(header) // header.dtype.itemsize
    return _pixels(header, np.fromfile(path, header.dtype, count, offset=header.offset))


def npz_size(path: Path) -> tuple[int, int]:
    with zipfile.ZipFile(path) as archive, archive.open(member := _image_of(archive)) as file:
        return _size(_header(file, member.file_size))


def npz_pixels(path: Path) -> Pixels:
    """Channels last; never more is inflated than the header states."""
    with zipfile.ZipFile(path) as archive, archive.open(member := _image_of(archive)) as file:
        header = _header(file, member.file_size)
        expected = _bytes(header)
        content = file.read(expected)
        if len(content) != expected or file.read(1):  # reading to the end checks its checksum
            raise ValueError("the array is cut off, or longer than it says")
    return _pixels(header, np.frombuffer(content, header.dtype).copy())


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
