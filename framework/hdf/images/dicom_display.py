"""From a DICOM's stored values to display values (PS3.3, C.11 and C.7.6.3.1.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hdf.errors import UnreadableError

if TYPE_CHECKING:
    from pydicom import Dataset

Pixels = NDArray[Any]


def display_values(pixels: Pixels, dataset: Dataset) -> Pixels:
    """Apply the modality LUT, the VOI LUT or window, and at most one inversion, to integers [H, W].

    PresentationLUTShape decides about the inversion; without it, MONOCHROME1 is inverted (PS3.3,
    C.11.6 and C.7.6.3.1.2). Pixels of PixelPaddingValue (C.7.5.1.1.2) become black.

    Returns:
        uint8 [H, W] for 8-bit pixels without LUT or window; float64 [H, W] in [0, 1] after a VOI
        LUT or window that shows anything; else the values of the modality LUT, of any range.

    Raises:
        UnreadableError: a LUT or window is not usable.
    """
    values = _modality(pixels, dataset)
    windowed = _voi(values, dataset)
    if windowed is not None and windowed.min() < windowed.max():
        values = 1 - windowed if _is_inverse(dataset) else windowed
    elif values is pixels and pixels.dtype == np.uint8 and dataset.BitsStored == 8:
        values = 255 - pixels if _is_inverse(dataset) else pixels
    else:
        values = values.astype(np.float64)  # fewer than 8 bits come as bytes, too
        values = -values if _is_inverse(dataset) else values
    return _without_padding(values, pixels, dataset)


def palette_colours(pixels: Pixels, dataset: Dataset) -> Pixels:
    """The colours uint8 or uint16 [H, W, 3] of a palette (PS3.3, C.7.6.3.1.5 and C.7.9).

    Raises:
        UnreadableError: a palette in segments is longer than pixels have values.
    """
    from pydicom.pixels.processing import apply_color_lut

    big = not dataset.file_meta.TransferSyntaxUID.is_little_endian
    words = f"{'>' if big else '<'}u{dataset.RedPaletteColorLookupTableDescriptor[2] // 8}"
    names = (f"Segmented{name}PaletteColorLookupTableData" for name in ("Red", "Green", "Blue"))
    segmented = [dataset[name].value for name in names if name in dataset]
    for palette in segmented:
        _refuse_long(np.frombuffer(palette, words))
    colours = apply_color_lut(pixels, dataset)[..., :3]
    # pydicom takes the words of a whole palette for little-endian ones.
    return colours.byteswap() if big and not segmented else colours


def _refuse_long(palette: Pixels) -> None:
    at = length = 0
    while at + 1 < len(palette):
        kind, count = palette[at : at + 2].tolist()  # 0 lists values, 1 is a line to the next one
        length += count
        at += 2 + (count if kind == 0 else 1)
        if kind > 1 or length > 2**16:
            raise UnreadableError("its palette has more entries than pixels have values")


def _is_inverse(dataset: Dataset) -> bool:
    shape = str(dataset.get("PresentationLUTShape") or "").strip()
    if shape:
        return shape == "INVERSE"
    return str(dataset.PhotometricInterpretation) == "MONOCHROME1"


def _modality(pixels: Pixels, dataset: Dataset) -> Pixels:
    """PS3.3, C.11.1; the same array if nothing changes."""
    from pydicom.pixels.processing import apply_modality_lut

    if any(map(_is_lut, dataset.get("ModalityLUTSequence") or ())):
        return np.asarray(apply_modality_lut(pixels, dataset))
    slope, intercept = _number(dataset, "RescaleSlope", 1), _number(dataset, "RescaleIntercept", 0)
    if slope == 0:
        raise UnreadableError("its RescaleSlope is 0")
    return pixels if (slope, intercept) == (1, 0) else pixels * slope + intercept


def _voi(values: Pixels, dataset: Dataset) -> Pixels | None:
    """PS3.3, C.11.2; by the first LUT, else by the first window, else None."""
    from pydicom.pixels.processing import apply_voi

    luts = dataset.get("VOILUTSequence") or ()
    at = next((at for at, lut in enumerate(luts) if _is_lut(lut)), None)
    if at is not None:
        bits = int(luts[at].LUTDescriptor[2])
        whole = np.rint(values).astype(np.int64)
        return np.asarray(apply_voi(whole, dataset, index=at) / (2**bits - 1)).clip(0, 1)
    if dataset.get("WindowCenter") is None or dataset.get("WindowWidth") is None:
        return None
    center, width = _number(dataset, "WindowCenter", 0), _number(dataset, "WindowWidth", 1)
    return _windowed(values, center, width, str(dataset.get("VOILUTFunction") or "LINEAR"))


def _is_lut(item: Dataset) -> bool:
    """Some devices write an item with nothing in it."""
    return bool(item.get("LUTDescriptor")) and bool(item.get("LUTData"))


def _windowed(values: Pixels, center: float, width: float, function: str) -> Pixels:
    """PS3.3, C.11.2.1.2 and C.11.2.1.3."""
    if function == "LINEAR" and width >= 1:
        if width == 1:
            return (values > center - 0.5).astype(np.float64)
        return np.asarray((values - (center - 0.5)) / (width - 1) + 0.5).clip(0, 1)
    if width <= 0 or function == "LINEAR":
        raise UnreadableError(f"its WindowWidth is {width:g}")
    if function == "LINEAR_EXACT":
        return np.asarray((values - center) / width + 0.5).clip(0, 1)
    if function == "SIGMOID":
        exponent = np.asarray(-4 * (values - center) / width).clip(-700, 700)
        return np.asarray(1 / (1 + np.exp(exponent)))
    raise UnreadableError("its VOILUTFunction is none of LINEAR, LINEAR_EXACT and SIGMOID")


def _without_padding(values: Pixels, stored: Pixels, dataset: Dataset) -> Pixels:
    first = dataset.get("PixelPaddingValue")
    if not isinstance(first, int):
        return values
    last = dataset.get("PixelPaddingRangeLimit")
    last = last if isinstance(last, int) else first
    padding = (stored >= min(first, last)) & (stored <= max(first, last))
    if padding.all():
        raise UnreadableError("every pixel is padding")
    return np.where(padding, values[~padding].min(), values) if padding.any() else values


def _number(dataset: Dataset, name: str, default: float) -> float:
    """The first value of an element with one or several numbers."""
    value = dataset.get(name)
    if value is None or value == "":
        return default
    number = float(value[0] if hasattr(value, "append") else value)
    if not np.isfinite(number):
        raise UnreadableError(f"its {name} is no number")
    return number
