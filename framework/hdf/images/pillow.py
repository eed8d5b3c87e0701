"""PNG, JPEG and TIFF through Pillow, in all of their 8 and 16 bits."""

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
from PIL.TiffImagePlugin import OPEN_INFO, TiffImageFile

from hdf.images.dicom_codestreams import refuse_many_scans
from hdf.images.limited_reader import SteppedFile

Pixels = NDArray[Any]

MAX_READS = 1_000_000
"""A marker of a JPEG and a chunk of a PNG take a few."""

MAX_JPEG_BYTES = 400_000_000
"""More than the most pixels that are read take in colour at the best quality."""

_PHOTOMETRIC = 262  # TIFF 6.0, section 8: 0 is WhiteIsZero
_NATIVE = "N" if sys.byteorder == "little" else ""
_SAMPLE_FORMAT = 339  # section 19: 1 is unsigned, 2 signed, 3 floating point
_UNSIGNED, _FLOAT = (1,), (3,)

# Pillow decodes these kinds of pixels, but its table of TIFFs lacks them: byte order, photometric
# interpretation, sample format, fill order, bits; mode and raw mode.
for _order, _mark in ((b"II", ""), (b"MM", "B")):
    for _photometric in (0, 1):
        _floats = (_order, _photometric, _FLOAT, 1, (64,), ())
        OPEN_INFO.setdefault(_floats, ("F", f"F;64{_mark}F"))
OPEN_INFO.setdefault((b"MM", 0, _UNSIGNED, 1, (16,), ()), ("I;16B", "I;16B"))
OPEN_INFO.setdefault((b"MM", 1, _UNSIGNED, 1, (32,), ()), ("I", "I;32B"))


class _Jpeg(JpegImageFile):
    def _read_dpi_from_exif(self) -> None:
        """Not needed here, and a damaged EXIF block would put warnings on standard error."""


# Pillow's classes are used without Image.open, which would read a PNG under the name of a JPEG, and
# warn about a large image where hdf refuses it.


def png_size(path: Path) -> tuple[int, int]:
    """(height, width) of a PNG."""
    with SteppedFile(path, MAX_READS) as file, PngImageFile(file) as image:
        return image.height, image.width


def png_pixels(path: Path) -> Pixels:
    """The pixels of a PNG, at 8 or 16 bits, on black."""
    with SteppedFile(path, MAX_READS) as file, PngImageFile(file) as image:
        raw_mode = str(image.tile[0][3])
        pixels = _decoded(image)
    if raw_mode == "LA;16B":
        raise ValueError("grey with alpha at 16 bits is not supported; save it without alpha")
    if raw_mode not in ("RGB;16B", "RGBA;16B"):
        return _on_black(pixels)
    # Pillow decodes the high bytes of 16-bit colours alone.
    with SteppedFile(path, MAX_READS) as file, PngImageFile(file) as image:
        low_bytes = raw_mode.replace("16B", "16L")
        image.tile = [(*image.tile[0][:3], low_bytes)]  # type: ignore[list-item]
        low = np.asarray(image)
    return _on_black(pixels.astype(np.uint16) * 256 + low)


def jpeg_size(path: Path) -> tuple[int, int]:
    """(height, width) of a JPEG."""
    with SteppedFile(path, MAX_READS) as file, _Jpeg(file) as image:
        return image.height, image.width


def jpeg_pixels(path: Path) -> Pixels:
    """The pixels of a JPEG."""
    if path.stat().st_size > MAX_JPEG_BYTES:
        raise ValueError(f"it is larger than {MAX_JPEG_BYTES // 10**6} MB")
    refuse_many_scans(path.read_bytes())
    with SteppedFile(path, MAX_READS) as file, _Jpeg(file) as image:
        return _on_black(_decoded(image))


def _tiff(path: Path) -> TiffImageFile:
    # A damaged header makes Pillow warn; what matters of it is checked here.
    warnings.filterwarnings("ignore", module=r"PIL\b")
    _silence_libtiff()
    return TiffImageFile(path)


@cache
def _silence_libtiff() -> None:
    """libtiff writes to standard error, past Python, what Pillow raises as an error anyway."""
    handler = getattr(ctypes.CDLL(_imaging.__file__), "TIFFSetErrorHandler", None)
    if handler is not None:  # Pillow's libtiff can be found
        handler.argtypes, handler.restype = [ctypes.c_void_p], ctypes.c_void_p
        handler(None)


def tiff_size(path: Path) -> tuple[int, int]:
    """(height, width) of a TIFF of one page."""
    with _tiff(path) as image:
        if image.is_animated:  # to count its pages takes time that grows with their square
            raise ValueError("it holds several pages; a radiograph has one")
        return image.height, image.width


def tiff_pixels(path: Path) -> Pixels:
    """The pixels of a TIFF, at 8 or 16 bits, on black."""
    with _tiff(path) as image:
        raw_mode = _raw_mode(image)
        inverse = image.tag_v2.get(_PHOTOMETRIC) == 0 and image.mode.startswith(("I;16", "F"))
        unsigned = image.mode == "I" and image.tag_v2.get(_SAMPLE_FORMAT, _UNSIGNED) == _UNSIGNED
        pixels = _decoded(image)
    if unsigned:  # Pillow's mode is signed
        pixels = pixels.view(np.uint32)
    if inverse:  # Pillow does so itself at 1 and 8 bits
        pixels = _inverted(pixels)
    if not raw_mode.startswith("RGB;16"):
        return _on_black(pixels)
    with _tiff(path) as image:  # as for PNG, the other byte of each pair
        other = "RGB;16B" if raw_mode[-1] in ("L", _NATIVE) else "RGB;16L"
        image.tile = [tile._replace(args=_args(tile.args, other)) for tile in image.tile]
        low = np.asarray(image)
    return np.asarray(pixels.astype(np.uint16) * 256 + low)


def _inverted(pixels: Pixels) -> Pixels:
    if pixels.dtype.kind == "u":
        return np.asarray(np.iinfo(pixels.dtype).max - pixels)
    in_unit = pixels.min() >= 0 and pixels.max() <= 1
    return np.asarray(1 - pixels if in_unit else -pixels)


def _args(args: Any, raw_mode: str) -> Any:
    """A Pillow tile's decoder arguments, which begin with the raw mode."""
    return (raw_mode, *args[1:]) if isinstance(args, tuple) else raw_mode


def _raw_mode(image: ImageFile) -> str:
    details = image.tile[0][3]
    return str(details[0] if isinstance(details, tuple) else details)


def _decoded(image: Image) -> Pixels:
    if image.mode not in ("1", "L", "I", "I;16", "I;16B", "F", "RGB", "RGBA"):
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    pixels = np.asarray(image)
    return pixels.astype(pixels.dtype.newbyteorder("="), copy=False)


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
