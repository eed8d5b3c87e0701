"""Reading image files of all formats on one pixel scale, for loaders and prediction."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL.BmpImagePlugin import BmpImageFile
from PIL.ImageFile import ImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile
from torch import Tensor

from hdf.errors import UnreadableError, UserError, printable, user_error
from hdf.images.dicom import dicom_facts, dicom_pixels, dicom_size, is_dicom
from hdf.images.numpy_files import array_pixels, array_size
from hdf.images.pillow import Jpeg, Pixels, jpeg_pixels, pixels_as, size_as
from hdf.types import ImageFacts

MAX_PIXELS = 100_000_000
PERCENTILES = (0.5, 99.5)
LUMINANCE = (0.299, 0.587, 0.114)  # ITU-R BT.601


class Format(NamedTuple):
    """How one format is read; both functions may raise anything on a damaged file.

    Attributes:
        size: (height, width), from the header alone.
        pixels: bool, integer or float [H, W], or [H, W, 3] as red, green and blue; the values as
            stored, or floats in [0, 1] if the format itself defines black and white.
        quotes: whether an error may quote the file, and so name the patient; then only an
            `hdf.errors.UnreadableError` is shown.
    """

    name: str
    size: Callable[[Path], tuple[int, int]]
    pixels: Callable[[Path], Pixels]
    quotes: bool = False


def _pillow(name: str, kind: type[ImageFile]) -> Format:
    return Format(f"{name} image", partial(size_as, kind), partial(pixels_as, kind))


_JPEG = Format("JPEG image", partial(size_as, Jpeg), jpeg_pixels)
_TIFF = _pillow("TIFF", TiffImageFile)
DICOM = Format("DICOM image", dicom_size, dicom_pixels, quotes=True)

FORMATS = {
    ".npy": Format("NumPy array", array_size, array_pixels),
    ".npz": Format("NumPy archive", array_size, array_pixels),
    ".png": _pillow("PNG", PngImageFile),
    ".jpg": _JPEG,
    ".jpeg": _JPEG,
    ".jfif": _JPEG,
    ".tif": _TIFF,
    ".tiff": _TIFF,
    ".bmp": _pillow("BMP", BmpImageFile),
    ".webp": _pillow("WebP", WebPImageFile),
    ".dcm": DICOM,
    ".dicom": DICOM,
}
SUFFIXES = tuple(FORMATS)


def read_image(path: Path) -> Tensor:
    """One radiograph in [0, 1], whatever the file.

    Booleans become 0 and 1, 8-bit pixels are divided by 255, floats in [0, 1] stay as they are. A
    DICOM is shown through its modality LUT, VOI LUT or window, and presentation shape. Everything
    else is stretched: the 0.5th percentile becomes 0 and the 99.5th becomes 1, with clipping; if
    both are equal, the smallest and the largest value. Colours become the luminance of ITU-R
    BT.601, on black where they are transparent. Orientation tags (EXIF, TIFF, XMP) are applied.

    Args:
        path: of a format of `SUFFIXES`; a DICOM may also have no suffix, or one of digits, as a UID
            has. NumPy arrays are [H, W], or [C, H, W] or [H, W, C] with one or three channels; an
            archive holds one, or one called ``image``.

    Returns:
        float32 [1, H, W] in [0, 1].

    Raises:
        UserError: the file is missing, damaged, not of the format of its suffix, empty or larger
            than `MAX_PIXELS`; a pixel is NaN or infinite; or all pixels of an image that would have
            to be stretched are equal.
    """
    pixels = _read_pixels(Path(path))
    try:
        return torch.from_numpy(_to_unit(pixels))[None]
    except ValueError as error:
        raise user_error(str(error), where=str(path)) from error


def read_mask(path: Path) -> Tensor:
    """A mask, bool [H, W]: True where any channel is not zero.

    Raises:
        UserError: the file can't be read, as for `read_image`.
    """
    inside = _read_pixels(Path(path)) != 0
    return torch.from_numpy(np.ascontiguousarray(inside.any(-1) if inside.ndim == 3 else inside))


def image_size(path: Path) -> tuple[int, int]:
    """(height, width) in pixels, from the file's header.

    Raises:
        UserError: the header can't be read, or the image is empty or larger than `MAX_PIXELS`.
    """
    path = Path(path)
    _refuse_special(path)
    kind = _format(path)
    with _reading(path, kind):
        height, width = kind.size(path)
    if not height or not width:
        raise user_error(f"the image is empty: {height} x {width} pixels", where=str(path))
    if height * width > MAX_PIXELS:
        message = f"{height} x {width} pixels are too many; at most {MAX_PIXELS:,} are read"
        raise user_error(message, where=str(path))
    return height, width


def image_facts(path: Path, *, patient: bool = True) -> ImageFacts:
    """Facts from the header, such as spacing and view; none unless the file is a DICOM.

    Args:
        patient: whether to include a hash of the patient; the user's key is created on first use.

    Raises:
        UserError: the header can't be read.
    """
    path = Path(path)
    _refuse_special(path)
    if _known_format(path) is not DICOM:
        return ImageFacts()
    with _reading(path, DICOM):
        return dicom_facts(path, patient=patient)


def stem_of(name: str) -> str:
    """A file's name without the suffix of an image; the dots of a UID, 1.2.840.113, begin none."""
    return name.rpartition(".")[0] if name.lower().endswith(SUFFIXES) else name


def is_image(path: Path) -> bool:
    """Whether a file is an image, by its suffix or, for a DICOM, by its content."""
    return _known_format(path) is not None


def passed_over(files: Iterable[Path]) -> str:
    """What to say of files that are no images, counted by suffix; empty for none.

    Returns:
        Such as ``passed over 4 files that are no images: 2 .txt, 1 DICOMDIR, 1 hidden``.
    """
    kinds = Counter(map(_kind_of_other, files))
    count = kinds.total()
    of = "1 file that is no image" if count == 1 else f"{count} files that are no images"
    listed = ", ".join(f"{number} {kind}" for kind, number in kinds.most_common())
    return f"passed over {of}: {listed}" if count else ""


def _kind_of_other(path: Path) -> str:
    if path.name.startswith("."):
        return "hidden"
    if path.name == "DICOMDIR":
        return path.name
    return printable(path.suffix.lower()) or "without a suffix"


def _refuse_special(path: Path) -> None:
    """Refuse pipes, which would block, and devices, which have no end."""
    if path.exists() and not path.is_file():
        raise user_error("is no file but a folder, a pipe or a device", where=str(path))


def _format(path: Path) -> Format:
    found = _known_format(path)
    if path.name == "DICOMDIR":
        raise user_error("is a list of DICOMs and no image; name its folder", where=str(path))
    if found is None:
        message = f"'{path.suffix}' is not a supported image format; use {', '.join(FORMATS)}"
        raise user_error(message, where=str(path))
    return found


def _known_format(path: Path) -> Format | None:
    suffix = path.suffix.lower()
    if suffix not in FORMATS and not suffix[1:].strip("0123456789") and is_dicom(path):
        return DICOM
    return FORMATS.get(suffix)


def _read_pixels(path: Path) -> Pixels:
    image_size(path)
    kind = _format(path)
    with _reading(path, kind):
        pixels = kind.pixels(path)
    if pixels.dtype.kind == "f" and not (finite := np.isfinite(pixels)).all():
        row, column = np.argwhere(~finite)[0, :2]
        count = int((~finite).sum())
        message = f"{count} values are NaN or infinite, the first at row {row}, column {column}"
        raise user_error(message, where=str(path))
    return pixels


@contextmanager
def _reading(path: Path, kind: Format) -> Iterator[None]:
    """Turn whatever a decoder raises on a damaged file into an error that names it."""
    shown = UnreadableError if kind.quotes else OSError | SyntaxError | ValueError | MemoryError
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        is_short = isinstance(error.__cause__, struct.error)  # Pillow quotes it, about buffers
        said = isinstance(error, shown) and not is_short and str(error)
        message = f"can't be read as a {kind.name}: {said or 'the file is damaged'}"
        if isinstance(error, OSError) and error.strerror:
            message = f"can't be opened: {error.strerror}"
        raise user_error(message, where=str(path)) from error


def _to_unit(pixels: Pixels) -> NDArray[np.float32]:
    values = _luminance(pixels) if pixels.ndim == 3 else pixels
    if values.dtype == np.uint8:  # most files: one pass, and no clipping needed
        return np.asarray(values / np.float32(255), order="C")
    if pixels.dtype == np.uint8:
        values = values / np.float32(255)
    elif pixels.dtype.kind != "b" and not _is_unit(pixels):
        values = _stretch(values)
    return np.clip(values.astype(np.float32, order="C"), 0, 1)


def _is_unit(pixels: Pixels) -> bool:
    return bool(pixels.dtype.kind == "f" and pixels.min() >= 0 and pixels.max() <= 1)


def _luminance(pixels: Pixels) -> Pixels:
    grey: Pixels = pixels[..., 0]
    if (pixels == grey[..., None]).all():
        return grey  # exactly, so that a grey image saved in colour gives the same pixels
    wide = np.result_type(pixels, np.float32)
    return np.asarray(pixels.astype(wide) @ np.array(LUMINANCE, wide))


def _stretch(pixels: Pixels) -> Pixels:
    values = pixels.astype(np.float64)
    peak = np.abs(values).max()
    values /= peak or 1.0  # keeps the difference of two huge values finite
    low, high = np.percentile(values, PERCENTILES)
    if low == high:
        low, high = values.min(), values.max()
    if low == high:
        raise ValueError(f"every pixel has the value {pixels.flat[0]}: the image shows nothing")
    return np.asarray((values.clip(low, high) - low) / (high - low))
