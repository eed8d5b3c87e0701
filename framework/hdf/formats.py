"""The image file formats: for each, a way to its size and a way to its pixels.

A further format joins by a line in `FORMATS`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile

Pixels = NDArray[Any]


class Format(NamedTuple):
    """How one kind of file is read; both functions may raise anything on a damaged file.

    Attributes:
        name: what people call it.
        size: (height, width), from the header alone.
        pixels: bool, integer or float [H, W], or [H, W, 3] in red, green and blue; the values as
            stored, floats in [0, 1] where the format itself says what is black and white.
    """

    name: str
    size: Callable[[Path], tuple[int, int]]
    pixels: Callable[[Path], Pixels]


class _NpyHeader(NamedTuple):
    dtype: np.dtype[Any]
    fortran: bool
    shape: tuple[int, ...]
    offset: int


_DTYPE = re.compile(r"'descr'\s*:\s*'([<>|=]?[biuf]\d+)'")
_FORTRAN = re.compile(r"'fortran_order'\s*:\s*(True|False)")
_SHAPE = re.compile(r"'shape'\s*:\s*\(([\dL, ]*)\)")


def _npy_header(path: Path) -> _NpyHeader:
    # numpy's own reader evaluates the header as Python, and warns on standard error about a damaged
    # one. https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
    with path.open("rb") as file:
        start = file.read(8)
        if start[:6] != b"\x93NUMPY":
            raise ValueError("the file does not begin as one")
        length = int.from_bytes(file.read(2 if start[6:7] == b"\x01" else 4), "little")
        header = file.read(min(length, 10_000)).decode("latin-1")
        offset, end = file.tell(), os.fstat(file.fileno()).st_size
    if re.search(r"'\|?O\d*'", header):
        raise ValueError("it holds pickled Python objects, which are never loaded")
    dtype, fortran, shape = (part.search(header) for part in (_DTYPE, _FORTRAN, _SHAPE))
    if not (dtype and fortran and shape):
        raise ValueError("its header describes no array of integers, floats or booleans")
    sides = tuple(int(side) for side in re.findall(r"\d+", shape[1]))
    found = _NpyHeader(np.dtype(dtype[1]), fortran[1] == "True", sides, offset)
    expected = prod(sides) * found.dtype.itemsize
    if end - offset != expected:
        raise ValueError(f"the header promises {expected} bytes of pixels, not {end - offset}")
    return found


def _channel_axis(shape: tuple[int, ...]) -> int | None:
    if len(shape) == 2:
        return None
    if len(shape) == 3 and shape[2] in (1, 3):
        return 2
    if len(shape) == 3 and shape[0] in (1, 3):
        return 0
    raise ValueError(f"its shape is {list(shape)}; expected [H, W] with one channel or three")


def _npy_size(path: Path) -> tuple[int, int]:
    shape = _npy_header(path).shape
    axis = _channel_axis(shape)
    height, width = (side for index, side in enumerate(shape) if index != axis)
    return height, width


def _npy_pixels(path: Path) -> Pixels:
    dtype, fortran, shape, offset = _npy_header(path)
    pixels = np.fromfile(path, dtype, prod(shape), offset=offset)
    pixels = pixels.reshape(shape, order="F" if fortran else "C")
    if dtype.itemsize > 8:  # extended floats, of which torch knows nothing
        with np.errstate(all="ignore"):
            pixels = pixels.astype(np.float64)
    axis = _channel_axis(shape)
    if axis is None:
        return pixels
    return pixels.squeeze(axis) if shape[axis] == 1 else np.moveaxis(pixels, axis, -1)


class _Jpeg(JpegImageFile):
    def _read_dpi_from_exif(self) -> None:
        """Not needed here, and a damaged EXIF block would put warnings on standard error."""


# Pillow's classes are used without Image.open, which would read a PNG under the name of a JPEG, and
# warn about a large image where hdf refuses it.


def _png_size(path: Path) -> tuple[int, int]:
    with PngImageFile(path) as image:
        return image.height, image.width


def _png_pixels(path: Path) -> Pixels:
    with PngImageFile(path) as image:
        raw_mode = str(image.tile[0][3])
        pixels = _decoded(image)
    if raw_mode == "LA;16B":
        raise ValueError("grey with alpha at 16 bits is not supported; save it without alpha")
    if raw_mode not in ("RGB;16B", "RGBA;16B"):
        return _on_black(pixels)
    with PngImageFile(path) as image:  # Pillow decodes the high bytes of 16-bit colours alone
        low_bytes = raw_mode.replace("16B", "16L")
        image.tile = [(*image.tile[0][:3], low_bytes)]  # type: ignore[list-item]
        low = np.asarray(image)
    return _on_black(pixels.astype(np.uint16) * 256 + low)


def _jpeg_size(path: Path) -> tuple[int, int]:
    with _Jpeg(path) as image:
        return image.height, image.width


def _jpeg_pixels(path: Path) -> Pixels:
    with _Jpeg(path) as image:
        return _on_black(_decoded(image))


def _decoded(image: Image) -> Pixels:
    if image.mode not in ("1", "L", "I", "I;16", "RGB", "RGBA"):
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    return np.asarray(image)


def _on_black(pixels: Pixels) -> Pixels:
    if pixels.ndim == 2 or pixels.shape[-1] == 3:
        return pixels
    colour, alpha = pixels[..., :3], pixels[..., 3:]
    if not alpha.any():
        raise ValueError("every pixel is transparent")
    opaque = np.iinfo(pixels.dtype).max
    if (alpha == opaque).all():
        return colour
    return (colour * (alpha / np.float32(opaque))).round().astype(pixels.dtype)


_JPEG = Format("JPEG image", _jpeg_size, _jpeg_pixels)

FORMATS = {
    ".npy": Format("NumPy array", _npy_size, _npy_pixels),
    ".png": Format("PNG image", _png_size, _png_pixels),
    ".jpg": _JPEG,
    ".jpeg": _JPEG,
}
