"""PNG, JPEG and TIFF by Pillow, with all of their 8 or 16 bits."""

from __future__ import annotations

import ctypes
import sys
import warnings
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import _imaging
from PIL.Image import Image
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile

from hdf.images.limits import LimitedFile, refuse_many_scans

Pixels = NDArray[Any]

MAX_READS = 1_000_000
"""The most calls of `read`: each marker of a JPEG and each chunk of a PNG takes a few."""

MAX_JPEG_BYTES = 400_000_000
"""More than the largest allowed image takes in colour at the best quality."""

_PHOTOMETRIC = 262  # TIFF 6.0, section 8: 0 is WhiteIsZero
_NATIVE = "N" if sys.byteorder == "little" else ""


class _Jpeg(JpegImageFile):
    def _read_dpi_from_exif(self) -> None:
        """Not needed here; a damaged EXIF block would make Pillow warn on standard error."""


# Image.open is not used: it would read a PNG that is named as a JPEG, and warn about large images
# that hdf refuses.


def png_size(path: Path) -> tuple[int, int]:
    """(height, width) of a PNG."""
    with LimitedFile(path, MAX_READS) as file, PngImageFile(file) as image:
        return image.height, image.width


def png_pixels(path: Path) -> Pixels:
    """The pixels of a PNG at 8 or 16 bits, on a black background."""
    with LimitedFile(path, MAX_READS) as file, PngImageFile(file) as image:
        raw_mode = str(image.tile[0][3])
        pixels = _decoded(image)
    if raw_mode == "LA;16B":
        raise ValueError("grey with alpha at 16 bits is not supported; save it without alpha")
    if raw_mode not in ("RGB;16B", "RGBA;16B"):
        return _on_black(pixels)
    # Pillow decodes only the high bytes of 16-bit colours.
    with LimitedFile(path, MAX_READS) as file, PngImageFile(file) as image:
        low_bytes = raw_mode.replace("16B", "16L")
        image.tile = [(*image.tile[0][:3], low_bytes)]  # type: ignore[list-item]
        low = np.asarray(image)
    return _on_black(pixels.astype(np.uint16) * 256 + low)


def jpeg_size(path: Path) -> tuple[int, int]:
    """(height, width) of a JPEG."""
    with LimitedFile(path, MAX_READS) as file, _Jpeg(file) as image:
        return image.height, image.width


def jpeg_pixels(path: Path) -> Pixels:
    """The pixels of a JPEG."""
    if path.stat().st_size > MAX_JPEG_BYTES:
        raise ValueError(f"it is larger than {MAX_JPEG_BYTES // 10**6} MB")
    refuse_many_scans(path.read_bytes())
    with LimitedFile(path, MAX_READS) as file, _Jpeg(file) as image:
        return _on_black(_decoded(image))


def _tiff(path: Path) -> TiffImageFile:
    # Pillow warns about damaged headers; what matters is checked here.
    warnings.filterwarnings("ignore", module=r"PIL\b")
    _silence_libtiff()
    return TiffImageFile(path)


@cache
def _silence_libtiff() -> None:
    """Keep libtiff from writing errors to standard error that Pillow raises anyway."""
    handler = getattr(ctypes.CDLL(_imaging.__file__), "TIFFSetErrorHandler", None)
    if handler is not None:  # Pillow's libtiff can be found
        handler.argtypes, handler.restype = [ctypes.c_void_p], ctypes.c_void_p
        handler(None)


def tiff_size(path: Path) -> tuple[int, int]:
    """(height, width) of a TIFF with one page."""
    with _tiff(path) as image:
        if image.is_animated:  # counting the pages takes quadratic time
            raise ValueError("it holds several pages; a radiograph has one")
        return image.height, image.width


def tiff_pixels(path: Path) -> Pixels:
    """The pixels of a TIFF at 8 or 16 bits, on a black background."""
    with _tiff(path) as image:
        raw_mode = _raw_mode(image)
        inverse = image.tag_v2.get(_PHOTOMETRIC) == 0 and image.mode.startswith("I;16")
        pixels = _decoded(image)
    if inverse:  # Pillow inverts 1 and 8 bits itself
        pixels = np.iinfo(np.uint16).max - pixels
    if not raw_mode.startswith("RGB;16"):
        return _on_black(pixels)
    with _tiff(path) as image:  # as for PNG, the other byte of each pair
        other = "RGB;16B" if raw_mode[-1] in ("L", _NATIVE) else "RGB;16L"
        image.tile = [tile._replace(args=_args(tile.args, other)) for tile in image.tile]
        low = np.asarray(image)
    return np.asarray(pixels.astype(np.uint16) * 256 + low)


def _args(args: Any, raw_mode: str) -> Any:
    """The decoder arguments of a Pillow tile, which begin with the raw mode."""
    return (raw_mode, *args[1:]) if isinstance(args, tuple) else raw_mode


def _raw_mode(image: ImageFile) -> str:
    details = image.tile[0][3]
    return str(details[0] if isinstance(details, tuple) else details)


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
