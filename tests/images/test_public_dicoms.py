"""The public DICOMs of pydicom, read once by hdf and once by pydicom's own steps."""

from __future__ import annotations

import importlib.util
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom import Dataset, dcmread
from pydicom.pixels.processing import apply_color_lut, apply_modality_lut, apply_voi_lut

from hdf import UserError, read_image

DATA = importlib.util.find_spec("data_store")
FOLDERS = [
    Path(pydicom.__file__).parent / "data" / "test_files",
    *(Path(name) / "data" for name in (DATA and DATA.submodule_search_locations) or ()),
]
FLAT = ("17166", "17196")
"""Their window lies below all pixels: pydicom shows black, hdf ignores the window."""


def _single_images() -> Iterator[tuple[Path, Dataset]]:
    """The files with one frame that pydicom decodes."""
    for path in (path for folder in FOLDERS for path in sorted(folder.rglob("*"))):
        try:
            dataset = dcmread(path)
            if int(dataset.get("NumberOfFrames") or 1) == 1 and dataset.pixel_array.size:
                yield path, dataset
        except Exception:  # no DICOM, damaged on purpose, or in a syntax without a decoder here
            continue


def _shown(dataset: Dataset) -> NDArray[Any]:
    """Grey values in [0, 1] by pydicom's functions."""
    stored: NDArray[Any] = dataset.pixel_array
    kind = dataset.PhotometricInterpretation
    if kind == "PALETTE COLOR":
        stored = apply_color_lut(stored, dataset)
    if stored.ndim == 3:
        grey = stored[..., :3] @ np.array([0.299, 0.587, 0.114])
        return grey / 255 if stored.dtype == np.uint8 else _stretched(grey)
    values = np.asarray(apply_modality_lut(stored, dataset))
    windowed = "VOILUTSequence" in dataset or dataset.get("WindowWidth") is not None
    if windowed and dataset.filename.rpartition("/")[2] not in FLAT:
        low, high = _range(dataset)
        whole = values if "VOILUTSequence" not in dataset else values.astype(int)
        unit = (np.asarray(apply_voi_lut(whole, dataset)).astype(float) - low) / (high - low)
    elif stored.dtype == np.uint8 and dataset.BitsStored == 8 and values is stored:
        unit = values / 255
    else:
        unit = _stretched(values)
    inverse = dataset.get("PresentationLUTShape", kind) in ("INVERSE", "MONOCHROME1")
    return 1 - unit if inverse else unit


def _range(dataset: Dataset) -> tuple[float, float]:
    """What pydicom's window makes of black and white."""
    if "VOILUTSequence" in dataset:
        return 0, 2 ** dataset.VOILUTSequence[0].LUTDescriptor[2] - 1
    if "ModalityLUTSequence" in dataset:
        return 0, 2 ** dataset.ModalityLUTSequence[0].LUTDescriptor[2] - 1
    half = 2 ** (dataset.BitsStored - 1) if dataset.PixelRepresentation else 0
    low, high = -half, 2**dataset.BitsStored - 1 - half
    slope, shift = float(dataset.get("RescaleSlope", 1)), float(dataset.get("RescaleIntercept", 0))
    return low * slope + shift, high * slope + shift


def _stretched(values: NDArray[Any]) -> NDArray[Any]:
    low, high = np.percentile(values, (0.5, 99.5))
    return np.asarray((values.clip(low, high) - low) / (high - low))


def _difference(path: Path, dataset: Dataset, folder: Path) -> str:
    link = folder / f"{path.name}.dcm"
    link.unlink(missing_ok=True)
    link.symlink_to(path)
    try:
        image = read_image(link)[0].numpy()
    except UserError as error:
        return str(error)
    counted = np.ones(image.shape, bool)
    if isinstance(padding := dataset.get("PixelPaddingValue"), int):
        counted = dataset.pixel_array != padding  # which hdf makes black
    far = np.abs(image - _shown(dataset))[counted].max()
    return f"up to {far:.4f} away" if far > 1e-4 else ""


def test_public_dicoms_are_read_as_pydicom_shows_them(tmp_path: Path) -> None:
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = {
            path.name: _difference(path, dataset, tmp_path) for path, dataset in _single_images()
        }
    assert len(found) > (120 if DATA else 40)
    assert {name: said for name, said in found.items() if said} == {}
