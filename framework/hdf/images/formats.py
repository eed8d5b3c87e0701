"""The image file formats: for each, a way to its size and a way to its pixels.

A further format joins by a line in `FORMATS`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from numpy.typing import NDArray
from PIL.BmpImagePlugin import BmpImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from hdf.images.dicom import dicom_pixels, dicom_size
from hdf.images.numpy_files import npy_pixels, npy_size, npz_pixels, npz_size
from hdf.images.pillow import (
    Jpeg,
    jpeg_pixels,
    pixels_as,
    png_pixels,
    size_as,
    tiff_pixels,
    tiff_size,
)

Pixels = NDArray[Any]


class Format(NamedTuple):
    """How one kind of file is read; both functions may raise anything on a damaged file.

    Attributes:
        name: what people call it.
        size: (height, width), from the header alone.
        pixels: bool, integer or float [H, W], or [H, W, 3] in red, green and blue; the values as
            stored, floats in [0, 1] where the format itself says what is black and white.
        quotes: whether what a reader raises may quote the file's content, where a patient's name
            may stand; then only an `hdf.errors.UnreadableError` is shown.
    """

    name: str
    size: Callable[[Path], tuple[int, int]]
    pixels: Callable[[Path], Pixels]
    quotes: bool = False


_JPEG = Format("JPEG image", partial(size_as, Jpeg), jpeg_pixels)
_TIFF = Format("TIFF image", tiff_size, tiff_pixels)
_BMP = Format("BMP image", partial(size_as, BmpImageFile), partial(pixels_as, BmpImageFile))
_WEBP = Format("WebP image", partial(size_as, WebPImageFile), partial(pixels_as, WebPImageFile))
DICOM = Format("DICOM image", dicom_size, dicom_pixels, quotes=True)

FORMATS = {
    ".npy": Format("NumPy array", npy_size, npy_pixels),
    ".npz": Format("NumPy archive", npz_size, npz_pixels),
    ".png": Format("PNG image", partial(size_as, PngImageFile), png_pixels),
    ".jpg": _JPEG,
    ".jpeg": _JPEG,
    ".jfif": _JPEG,
    ".tif": _TIFF,
    ".tiff": _TIFF,
    ".bmp": _BMP,
    ".webp": _WEBP,
    ".dcm": DICOM,
    ".dicom": DICOM,
}
