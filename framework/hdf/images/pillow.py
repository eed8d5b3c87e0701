"""PNG, JPEG, TIFF, BMP and WebP by Pillow, with all of their bits, and turned as viewers do."""

from __future__ import annotations

import ctypes
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import _imaging
from PIL.Image import Image
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.TiffImagePlugin import OPEN_INFO, TiffImageFile

from hdf.images.limits import LimitedFile, refuse_many_scans

Pixels = NDArray[Any]

MAX_READS = 1_000_000
"""The most calls of `read`: each marker of a JPEG and each chunk of a PNG takes a few."""

MAX_JPEG_BYTES = 400_000_000
"""More than the largest allowed image takes in colour at the best quality."""

# Tags of TIFF 6.0.
_WIDTH, _HEIGHT, _BITS, _ORIENTATION = 256, 257, 258, 274
_PHOTOMETRIC = 262  # 0 is white
_PLANAR = 284  # 2 where each channel has a plane of its own
_SAMPLE_FORMAT = 339  # 1 is unsigned, 2 signed, 3 floating point
_UNSIGNED, _FLOAT = (1,), (3,)
_NATIVE = "N" if sys.byteorder == "little" else ""
_DEEP_COLOURS = ("RGB;16", "RGBA;16", "RGBX;16")

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


def size_as(kind: type[ImageFile], path: Path) -> tuple[int, int]:
    """(height, width) of a file of Pillow's class `kind` as it is shown, from its header."""
    with _opened(kind, path) as image:
        if getattr(image, "is_animated", False):  # to count a TIFF's pages may take very long
            raise ValueError("it holds several images or pages; a radiograph has one")
        turned = _orientation(image) >= 5
        return (image.width, image.height) if turned else (image.height, image.width)


def pixels_as(kind: type[ImageFile], path: Path) -> Pixels:
    """The pixels of a file of Pillow's class `kind` as it is shown, with all bits, on black."""
    with _opened(kind, path) as image:
        orientation, raw_mode = _orientation(image), _raw_mode(image)
        _refuse_lost_bits(image, raw_mode)
        pixels = _decoded(image)
        if isinstance(image, TiffImageFile):
            pixels = _as_tagged(pixels, image)
    if raw_mode.startswith(_DEEP_COLOURS):
        # Pillow decodes the high bytes of 16-bit colours alone.
        with _opened(kind, path) as image:
            other = raw_mode[:-1] + ("B" if raw_mode[-1] in ("L", _NATIVE) else "L")
            image.tile = [tile._replace(args=_args(tile.args, other)) for tile in image.tile]
            pixels = pixels.astype(np.uint16) * 256 + np.asarray(image)
    return _upright(_on_black(pixels), orientation)


def jpeg_pixels(path: Path) -> Pixels:
    """The pixels of a JPEG, unless they would take too long."""
    if path.stat().st_size > MAX_JPEG_BYTES:
        raise ValueError(f"it is larger than {MAX_JPEG_BYTES // 10**6} MB")
    refuse_many_scans(path.read_bytes())
    return pixels_as(Jpeg, path)


@contextmanager
def _opened(kind: type[ImageFile], path: Path) -> Iterator[ImageFile]:
    # Not by Image.open: it would read a PNG that is named as a JPEG, and warn about large images.
    if kind is TiffImageFile:
        with _tiff(path) as image:
            yield image
    else:
        with LimitedFile(path, MAX_READS) as file, kind(file) as image:
            yield image


def _tiff(path: Path) -> TiffImageFile:
    # Pillow warns about damaged headers; what matters is checked here.
    warnings.filterwarnings("ignore", module=r"PIL\b")
    _silence_libtiff()
    image = TiffImageFile(path)
    # Pillow would turn it, and scrambles an uncompressed one on the way.
    image._size = image.tag_v2[_WIDTH], image.tag_v2[_HEIGHT]
    image.load_end = lambda: None  # type: ignore[method-assign]
    return image


def _silence_libtiff() -> None:
    """Keep libtiff from writing errors to standard error that Pillow raises anyway."""
    handler = getattr(ctypes.CDLL(_imaging.__file__), "TIFFSetErrorHandler", None)
    if handler is not None:  # Pillow's libtiff can be found
        handler.argtypes, handler.restype = [ctypes.c_void_p], ctypes.c_void_p
        handler(None)


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


def _refuse_lost_bits(image: ImageFile, raw_mode: str) -> None:
    """Refuse what Pillow reads at 8 bits, and gives no other byte of."""
    if raw_mode == "LA;16B":
        raise ValueError("grey with alpha at 16 bits is not supported; save it without alpha")
    if not isinstance(image, TiffImageFile) or image.mode in ("I", "I;16", "I;16B", "F"):
        return
    chunky = image.tag_v2.get(_PLANAR) != 2 and raw_mode.startswith(_DEEP_COLOURS)
    if max(image.tag_v2.get(_BITS, (8,))) > 8 and not chunky:
        raise ValueError(
            "colours of 16 bits are read where red, green and blue stand side by side, without "
            "premultiplied transparency; save it so, or in grey"
        )


def _as_tagged(pixels: Pixels, image: TiffImageFile) -> Pixels:
    """Values of the type and the direction that the tags state, where Pillow's modes have none."""
    kind = (image.mode, image.tag_v2.get(_SAMPLE_FORMAT, _UNSIGNED)[0])
    if kind in (("I", 1), ("L", 2)):
        return pixels.view(np.uint32 if kind[1] == 1 else np.int8)
    if image.tag_v2.get(_PHOTOMETRIC) != 0 or not image.mode.startswith(("I;16", "F")):
        return pixels  # Pillow inverts other modes itself
    if pixels.dtype.kind == "u":
        return np.asarray(np.iinfo(pixels.dtype).max - pixels)
    return np.asarray(1 - pixels if pixels.min() >= 0 and pixels.max() <= 1 else -pixels)


def _args(args: Any, raw_mode: str) -> Any:
    """The decoder arguments of a Pillow tile, which begin with the raw mode."""
    return (raw_mode, *args[1:]) if isinstance(args, tuple) else raw_mode


def _raw_mode(image: ImageFile) -> str:
    args = image.tile[0].args if image.tile else ""
    return str(args[0] if isinstance(args, tuple) else args)


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
