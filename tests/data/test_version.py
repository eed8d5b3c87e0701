"""Stores hold pixels as they were read: a change of reading needs another version of the store."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from pydicom.uid import RLELossless

from hdf import Sample, read_image
from hdf.data.decode import decode
from hdf.data.folder import VERSION
from tests.dicom_files import write_dicom

RAMP = np.arange(600).reshape(20, 30)
BYTES = (RAMP * 0.4).astype(np.uint8)
WORDS = (RAMP * 100).astype(np.uint16)
COLOURS = np.stack([BYTES, BYTES // 2, 255 - BYTES], -1)
CLEAR = np.dstack([COLOURS, BYTES])
TURNED = Image.Exif()
TURNED[274] = 6
WINDOW = {"WindowCenter": 30_000, "WindowWidth": 20_000}


def _save(pixels: Any, **options: Any) -> Callable[[Path], object]:
    return lambda path: Image.fromarray(pixels).save(path, **options)


def _dicom(pixels: Any, *syntax: Any, **elements: Any) -> Callable[[Path], object]:
    return lambda path: write_dicom(path, pixels, *syntax, **elements)


FILES: dict[str, Callable[[Path], object]] = {
    "bytes.npy": lambda path: np.save(path, BYTES),
    "words.npy": lambda path: np.save(path, WORDS),
    "signed.npy": lambda path: np.save(path, RAMP - 300),
    "unit.npy": lambda path: np.save(path, RAMP / 700),
    "floats.npz": lambda path: np.savez(path, image=RAMP / 7),
    "bytes.png": _save(BYTES),
    "words.png": _save(WORDS),
    "colours.png": _save(COLOURS),
    "clear.png": _save(CLEAR),
    "turned.png": _save(BYTES, exif=TURNED),
    "bytes.jpg": _save(BYTES, quality=100),
    "words.tif": _save(WORDS),
    "turned.tif": _save(BYTES, exif=TURNED),
    "bytes.bmp": _save(BYTES),
    "colours.webp": _save(COLOURS, lossless=True),
    "bytes.dcm": _dicom(BYTES),
    "words.dcm": _dicom(WORDS),
    "inverse.dcm": _dicom(WORDS, PhotometricInterpretation="MONOCHROME1"),
    "window.dcm": _dicom(WORDS, **WINDOW),
    "sigmoid.dcm": _dicom(WORDS, VOILUTFunction="SIGMOID", **WINDOW),
    "padding.dcm": _dicom(WORDS, PixelPaddingValue=59_900, **WINDOW),
    "slope.dcm": _dicom(WORDS, RescaleSlope=2, RescaleIntercept=-500, **WINDOW),
    "packed.dcm": _dicom(WORDS, RLELossless, **WINDOW),
}
READ_AS = {
    "bytes.npy": (0.4682, 0.3127, 0.3218, 0.1876),
    "words.npy": (0.5, 0.3344, 0.3438, 0.2007),
    "signed.npy": (0.5, 0.3344, 0.3438, 0.2007),
    "unit.npy": (0.4279, 0.2855, 0.2942, 0.1714),
    "floats.npz": (0.5, 0.3344, 0.3438, 0.2007),
    "bytes.png": (0.4682, 0.3127, 0.3218, 0.1876),
    "words.png": (0.5, 0.3344, 0.3438, 0.2007),
    "colours.png": (0.3376, 0.2064, 0.2321, 0.1264),
    "clear.png": (0.1934, 0.1408, 0.1328, 0.0829),
    "turned.png": (0.4682, 0.2354, 0.3218, 0.1607),
    "bytes.jpg": (0.4682, 0.3127, 0.3218, 0.1876),
    "words.tif": (0.5, 0.3344, 0.3438, 0.2007),
    "turned.tif": (0.4682, 0.2354, 0.3218, 0.1607),
    "bytes.bmp": (0.4682, 0.3127, 0.3218, 0.1876),
    "colours.webp": (0.3376, 0.2064, 0.2321, 0.1264),
    "bytes.dcm": (0.4682, 0.3127, 0.3218, 0.1876),
    "words.dcm": (0.5, 0.3344, 0.3438, 0.2007),
    "inverse.dcm": (0.5, 0.1656, 0.3438, 0.1215),
    "window.dcm": (0.4992, 0.3702, 0.3432, 0.2175),
    "sigmoid.dcm": (0.4992, 0.3636, 0.3432, 0.2144),
    "padding.dcm": (0.4975, 0.3685, 0.3423, 0.2168),
    "slope.dcm": (0.745, 0.4665, 0.5123, 0.2843),
    "packed.dcm": (0.4992, 0.3702, 0.3432, 0.2175),
}


def _signature(image: torch.Tensor) -> tuple[float, float]:
    """The mean, and the mean weighted by the position."""
    weights = torch.linspace(0, 1, image.numel()).view(image.shape)
    return round(image.mean().item(), 4), round((image * weights).mean().item(), 4)


@pytest.mark.parametrize("name", FILES)
def test_what_a_store_holds_has_its_version(tmp_path: Path, name: str) -> None:
    FILES[name](tmp_path / name)
    read = _signature(read_image(tmp_path / name))
    sample = Sample("a", read=partial(read_image, tmp_path / name))
    stored = _signature(decode(sample, (16, 16), "letterbox")[0] / 255)
    advice = "raise VERSION in hdf/data/folder.py, then write its number and READ_AS anew"
    assert VERSION == 3, advice
    assert (*read, *stored) == pytest.approx(READ_AS[name], abs=2e-3), advice
