"""Every image file into one pixel scale, for loaders and prediction alike."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hdf.errors import UnreadableError, UserError, user_error
from hdf.images.dicom import dicom_facts, is_dicom
from hdf.images.formats import DICOM, FORMATS, Format, Pixels
from hdf.types import ImageFacts

SUFFIXES = tuple(FORMATS)
MAX_PIXELS = 100_000_000
PERCENTILES = (0.5, 99.5)
LUMINANCE = (0.299, 0.587, 0.114)  # ITU-R BT.601


def read_image(path: Path) -> Tensor:
    """One radiograph in [0, 1], whatever the file.

    Booleans become 0 and 1, 8-bit pixels are divided by 255, floats that lie within [0, 1] stay as
    they are. A DICOM is shown through its modality LUT, its VOI LUT or window and its presentation
    shape (`hdf.images.dicom_display`). Everything else (16-bit files and DICOMs without a window;
    integers and other floats in NumPy's files) is stretched: the 0.5th percentile of the image
    becomes 0 and the 99.5th becomes 1, with clipping; where those two coincide the smallest and
    largest value take their places. Colours become the luminance of ITU-R BT.601 and transparency
    is laid on black. An image is turned as its orientation tag (EXIF, TIFF) says.

    Args:
        path: ``.npy`` ([H, W] of integers, floats or booleans, or one or three channels in front
            or behind), ``.npz`` (one such array, or one called ``image``), ``.png``, ``.jpg``,
            ``.jpeg``, ``.jfif``, ``.tif``, ``.tiff``, ``.bmp``, ``.webp``, ``.dcm`` or ``.dicom``;
            a DICOM may also have no suffix, or one of digits, as where its name is a UID.

    Returns:
        float32 [1, H, W] in [0, 1].

    Raises:
        UserError: the file is missing, damaged, not what its suffix says, empty or beyond
            `MAX_PIXELS`; a pixel is NaN or infinite; or one value fills an image that would have to
            be stretched, so that no contrast is known.
    """
    pixels = _read_pixels(Path(path))
    try:
        return torch.from_numpy(_to_unit(pixels))[None]
    except ValueError as error:
        raise user_error(str(error), where=str(path)) from error


def read_mask(path: Path) -> Tensor:
    """A mask, bool [H, W]: inside is where any channel is not zero.

    Raises:
        UserError: as `read_image` does for the file.
    """
    inside = _read_pixels(Path(path)) != 0
    return torch.from_numpy(np.ascontiguousarray(inside.any(-1) if inside.ndim == 3 else inside))


def image_size(path: Path) -> tuple[int, int]:
    """(height, width) in pixels, from the file's header.

    Raises:
        UserError: the header can't be read, or the image is empty or beyond `MAX_PIXELS`.
    """
    path = Path(path)
    _refuse_special(path)
    kind = _format(path)
    try:
        height, width = kind.size(path)
    except UserError:
        raise
    except Exception as error:
        raise user_error(_reason(kind, error), where=str(path)) from error
    if not height or not width:
        raise user_error(f"the image is empty: {height} x {width} pixels", where=str(path))
    if height * width > MAX_PIXELS:
        message = f"{height} x {width} pixels are too many; at most {MAX_PIXELS:,} are read"
        raise user_error(message, where=str(path))
    return height, width


def image_facts(path: Path, *, patient: bool = True) -> ImageFacts:
    """What the file says beside its pixels, from the header alone; nothing but for a DICOM.

    Args:
        patient: whether to say who it is, as a hash; the user's key is made at the first need.

    Raises:
        UserError: the header can't be read.
    """
    path = Path(path)
    _refuse_special(path)
    if _known_format(path) is not DICOM:
        return ImageFacts()
    try:
        return dicom_facts(path, patient=patient)
    except UserError:
        raise
    except Exception as error:
        raise user_error(_reason(DICOM, error), where=str(path)) from error


def is_image(path: Path) -> bool:
    """Whether a file is one to read, by its suffix or, for a DICOM, by its content."""
    return _known_format(path) is not None


def _refuse_special(path: Path) -> None:
    """A pipe would be waited for, and a device has no end."""
    if path.exists() and not path.is_file():
        raise user_error("is no file but a folder, a pipe or a device", where=str(path))


def _format(path: Path) -> Format:
    found = _known_format(path)
    if found is None:
        message = f"'{path.suffix}' is no image format that can be read; use {', '.join(FORMATS)}"
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
    try:
        pixels = kind.pixels(path)
    except UserError:
        raise
    except Exception as error:  # decoders raise whatever a damaged file leads them to
        raise user_error(_reason(kind, error), where=str(path)) from error
    if pixels.dtype.kind == "f" and not (finite := np.isfinite(pixels)).all():
        row, column = np.argwhere(~finite)[0, :2]
        count = int((~finite).sum())
        message = f"{count} values are NaN or infinite, the first at row {row}, column {column}"
        raise user_error(message, where=str(path))
    return pixels


def _reason(kind: Format, error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"can't be opened: {error.strerror}"
    speaking = UnreadableError if kind.quotes else OSError | SyntaxError | ValueError | MemoryError
    told = isinstance(error, speaking) and str(error)
    return f"can't be read as a {kind.name}: {told or 'the file is damaged'}"


def _to_unit(pixels: Pixels) -> NDArray[np.float32]:
    values = _luminance(pixels) if pixels.ndim == 3 else pixels
    if values.dtype == np.uint8:  # most files: one pass, which can't leave [0, 1]
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
        return grey  # exactly, so that a grey image saved in colours stays the same image
    wide = np.result_type(pixels, np.float32)
    return np.asarray(pixels.astype(wide) @ np.array(LUMINANCE, wide))


def _stretch(pixels: Pixels) -> Pixels:
    values = pixels.astype(np.float64)
    peak = np.abs(values).max()
    values /= peak or 1.0  # so that the difference of two huge values stays finite
    low, high = np.percentile(values, PERCENTILES)
    if low == high:
        low, high = values.min(), values.max()
    if low == high:
        raise ValueError(f"every pixel has the value {pixels.flat[0]}, so the image shows nothing")
    return np.asarray((values.clip(low, high) - low) / (high - low))
