"""The image file formats: how the size and the pixels of each are read.

A new format is a row in `FORMATS`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from hdf.images.dicom import dicom_pixels, dicom_size
from hdf.images.numpy_files import npy_pixels, npy_size, npz_pixels, npz_size
from hdf.images.pillow import (
    Pixels,
    jpeg_pixels,
    jpeg_size,
    png_pixels,
    png_size,
    tiff_pixels,
    tiff_size,
)


class Format(NamedTuple):
    """How one format is read; both functions may raise anything on a damaged file.

    Attributes:
        name: the format's name in messages.
        size: (height, width), from the header alone.
        pixels: bool, integer or float [H, W], or [H, W, 3] as red, green and blue; the values as
            stored, or floats in [0, 1] if the format itself defines black and white.
        quotes: whether an error may quote the file's content, which may name the patient; then
            only the message of an `hdf.errors.UnreadableError` is shown.
    """

    name: str
    size: Callable[[Path], tuple[int, int]]
    pixels: Callable[[Path], Pixels]
    quotes: bool = False


_JPEG = Format("JPEG image", jpeg_size, jpeg_pixels)
_TIFF = Format("TIFF image", tiff_size, tiff_pixels)
DICOM = Format("DICOM image", dicom_size, dicom_pixels, quotes=True)

FORMATS = {
    ".npy": Format("NumPy array", npy_size, npy_pixels),
    ".npz": Format("NumPy archive", npz_size, npz_pixels),
    ".png": Format("PNG image", png_size, png_pixels),
    ".jpg": _JPEG,
    ".jpeg": _JPEG,
    ".tif": _TIFF,
    ".tiff": _TIFF,
    ".dcm": DICOM,
    ".dicom": DICOM,
}
