"""PNG, JPEG, TIFF, BMP and WebP by Pillow, with all of their bits, and turned as viewers do."""

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

from hdf.images.limits import LimitedFile, refuse_many_scans

Pixels = NDArray[Any]

MAX_READS = 1_000_000
"""The most calls of `read`: each marker of a JPEG and each chunk of a PNG takes a few."""

MAX_JPEG_BYTES = 400_000_000
"""More than the largest allowed image takes in colour at the best quality."""

_PHOTOMETRIC = 262  # TIFF 6.0, section 8: 0 is WhiteIsZero
_NATIVE = "N" if sys.byteorder == "little" else ""
_WIDTH, _HEIGHT, _ORIENTATION = 256, 257, 274
_BITS, _PLANAR = 258, 284  # the latter is 2 where each channel has a plane of its own
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


class Jpeg(JpegImageFile):
    """Pillow's JPEG, without what hdf does not need."""

    def _read_dpi_from_exif(self) -> None:
        """A damaged EXIF block would put warnings on standard error."""


# Image.open is not used: it would read a PNG that is named as a JPEG, and warn about large images
# that hdf refuses.


def size_as(kind: type[ImageFile], path: Path) -> tuple[int, int]:
    """(height, width) of a file as it is shown, from its header.

    Args:
        kind: Pillow's class for the format.
        path: the file.
    """
    with LimitedFile(path, MAX_READS) as file, kind(file) as image:
        if getattr(image, "n_frames", 1) > 1:
            raise ValueError("it holds several images; a radiograph has one")
        turned = _orientation(image) >= 5
        return (image.width, image.height) if turned else (image.height, image.width)


def pixels_as(kind: type[ImageFile], path: Path) -> Pixels:
    """The pixels of a file as it is shown, on black."""
    with LimitedFile(path, MAX_READS) as file, kind(file) as image:
        return _upright(_on_black(_decoded(image)), _orientation(image))


def png_pixels(path: Path) -> Pixels:
    """The pixels of a PNG at 8 or 16 bits, on a black background."""
    with LimitedFile(path, MAX_READS) as file, PngImageFile(file) as image:
        raw_mode = str(image.tile[0][3])
        orientation = _orientation(image)
        pixels = _decoded(image)
    if raw_mode == "LA;16B":
        raise ValueError("grey with alpha at 16 bits is not supported; save it without alpha")
    if raw_mode in ("RGB;16B", "RGBA;16B"):
        # Pillow decodes the high bytes of 16-bit colours alone.
        with LimitedFile(path, MAX_READS) as file, PngImageFile(file) as image:
            low_bytes = raw_mode.replace("16B", "16L")
            image.tile = [(*image.tile[0][:3], low_bytes)]  # type: ignore[list-item]
            low = np.asarray(image)
        pixels = pixels.astype(np.uint16) * 256 + low
    return _upright(_on_black(pixels), orientation)


def jpeg_pixels(path: Path) -> Pixels:
    """The pixels of a JPEG."""
    if path.stat().st_size > MAX_JPEG_BYTES:
        raise ValueError(f"it is larger than {MAX_JPEG_BYTES // 10**6} MB")
    refuse_many_scans(path.read_bytes())
    return pixels_as(Jpeg, path)


def _orientation(image: ImageFile) -> int:
    """How to turn and mirror the image (EXIF 3.0, 4.6.5.1.6); 1, not at all, if nothing says so.

    Stated by EXIF, a TIFF's tag, or XMP before the pixels: the size is read without them.
    """
    try:
        # Not the formats' own methods, which decode a PNG for the sake of what follows.
        stated: Any = Image.getexif(image).get(_ORIENTATION)
    except Exception:  # a damaged block raises almost anything
        return 1
    return int(stated) if stated in range(1, 9) else 1


def _upright(pixels: Pixels, orientation: int) -> Pixels:
    turned = pixels.swapaxes(0, 1) if orientation >= 5 else pixels
    rows, columns = (-1 if orientation in names else 1 for names in ((3, 4, 7, 8), (2, 3, 6, 7)))
    return turned[::rows, ::columns]


def _tiff(path: Path) -> TiffImageFile:
    # Pillow warns about damaged headers; what matters is checked here.
    warnings.filterwarnings("ignore", module=r"PIL\b")
    _silence_libtiff()
    image = TiffImageFile(path)
    # Pillow would turn it, and scrambles an uncompressed one on the way.
    image._size = image.tag_v2[_WIDTH], image.tag_v2[_HEIGHT]
    image.load_end = lambda: None  # type: ignore[method-assign]
    return image


@cache
def _silence_libtiff() -> None:
    """Keep libtiff from writing errors to standard error that Pillow raises anyway."""
    handler = getattr(ctypes.CDLL(_imaging.__file__), "TIFFSetErrorHandler", None)
    if handler is not None:  # Pillow's libtiff can be found
        handler.argtypes, handler.restype = [ctypes.c_void_p], ctypes.c_void_p
        handler(None)


def tiff_size(path: Path) -> tuple[int, int]:
    """(height, width) of a TIFF of one page, as it is shown."""
    with _tiff(path) as image:
        turned = _orientation(image) >= 5
        height, width = (image.width, image.height) if turned else (image.height, image.width)
        if image.is_animated:  # to count its pages takes time that grows with their square
            raise ValueError("it holds several pages; a radiograph has one")
        return height, width


def tiff_pixels(path: Path) -> Pixels:
    """The pixels of a TIFF as it is shown, on black."""
    with _tiff(path) as image:
        orientation = _orientation(image)
        tags, raw_mode, mode = image.tag_v2, _raw_mode(image), image.mode
        sample = tags.get(_SAMPLE_FORMAT, _UNSIGNED)[0]
        _refuse_lost_bits(image, raw_mode)
        pixels = _decoded(image)
    if mode == "I" and sample == 1:  # Pillow's mode is signed
        pixels = pixels.view(np.uint32)
    if mode == "L" and sample == 2:  # Pillow's mode is unsigned
        pixels = pixels.view(np.int8)
    if tags.get(_PHOTOMETRIC) == 0 and mode.startswith(("I;16", "F")):
        pixels = _inverted(pixels)  # Pillow does so itself at 1 and 8 bits
    if ";16" in raw_mode and mode.startswith("RGB"):
        with _tiff(path) as image:  # as for PNG, the other byte of each pair
            other = raw_mode[:-1] + ("B" if raw_mode[-1] in ("L", _NATIVE) else "L")
            image.tile = [tile._replace(args=_args(tile.args, other)) for tile in image.tile]
            low = np.asarray(image)
        pixels = pixels.astype(np.uint16) * 256 + low
    return _upright(_on_black(pixels), orientation)


def _refuse_lost_bits(image: TiffImageFile, raw_mode: str) -> None:
    """Refuse what Pillow reads at 8 bits, and gives no other byte of."""
    tags = image.tag_v2
    deep = max(tags.get(_BITS, (8,))) > 8 and image.mode not in ("I", "I;16", "I;16B", "F")
    chunky = tags.get(_PLANAR) != 2 and raw_mode.startswith(("RGB;16", "RGBA;16", "RGBX;16"))
    if deep and not chunky:
        raise ValueError(
            "colours of 16 bits are read where red, green and blue stand side by side, without "
            "premultiplied transparency; save it so, or in grey"
        )


def _inverted(pixels: Pixels) -> Pixels:
    if pixels.dtype.kind == "u":
        return np.asarray(np.iinfo(pixels.dtype).max - pixels)
    in_unit = pixels.min() >= 0 and pixels.max() <= 1
    return np.asarray(1 - pixels if in_unit else -pixels)


def _args(args: Any, raw_mode: str) -> Any:
    """The decoder arguments of a Pillow tile, which begin with the raw mode."""
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
