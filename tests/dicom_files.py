"""DICOMs for tests, written from arrays."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    JPEG2000,
    UID,
    DeflatedExplicitVRLittleEndian,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
    generate_uid,
)

SECRET_NAME, SECRET_ID = "Secretperson^Anna", "SECRET-4711"
NATIVE = (
    ImplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
)
LOSSLESS = (*NATIVE, RLELossless, JPEGLSLossless, JPEG2000Lossless)
LOSSY = {JPEGBaseline8Bit: 0.05, JPEG2000: 0.05, JPEGLSNearLossless: 0.02}
"""Syntaxes that lose something, and the largest mean difference that tests allow them."""


def write_dicom(
    path: Path,
    pixels: NDArray[Any],
    syntax: UID = ExplicitVRLittleEndian,
    bits: int | None = None,
    **elements: Any,
) -> Path:
    """Write [H, W] integers as a DX image.

    Args:
        bits: BitsStored; all of the type's by default.
        elements: further elements by keyword; None takes one away.
    """
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = syntax
    meta.MediaStorageSOPClassUID = DigitalXRayImageStorageForPresentation
    meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset = FileDataset(
        None,
        {},
        file_meta=meta,
        preamble=b"\0" * 128,
        is_implicit_VR=syntax.is_implicit_VR,
        is_little_endian=syntax.is_little_endian,
    )
    dataset.SOPClassUID, dataset.SOPInstanceUID = meta[0x00020002].value, meta[0x00020003].value
    dataset.PatientName, dataset.PatientID = SECRET_NAME, SECRET_ID
    dataset.Modality, dataset.PhotometricInterpretation = "DX", "MONOCHROME2"
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.SamplesPerPixel = 1
    dataset.BitsAllocated = pixels.dtype.itemsize * 8
    dataset.BitsStored = bits or dataset.BitsAllocated
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
    _set_pixels(dataset, pixels, syntax)
    for name, value in elements.items():
        if value is None:
            delattr(dataset, name)
        else:
            setattr(dataset, name, value)
    dataset.save_as(path, enforce_file_format=True)
    return path


def _set_pixels(dataset: Dataset, pixels: NDArray[Any], syntax: UID) -> None:
    if syntax == JPEGBaseline8Bit:
        buffer = BytesIO()
        Image.fromarray(pixels).save(buffer, "jpeg", quality=95)
        dataset.PixelData = encapsulate([buffer.getvalue()])
        dataset["PixelData"].VR = "OB"
        return
    big = syntax == ExplicitVRBigEndian
    raw = pixels.astype(pixels.dtype.newbyteorder(">" if big else "<")).tobytes()
    dataset.PixelData = raw + b"\0" * (len(raw) % 2)
    dataset["PixelData"].VR = "OB" if pixels.itemsize == 1 else "OW"
    if syntax.is_encapsulated:
        options: dict[str, Any] = {}
        if syntax == JPEG2000:
            options = {"j2k_psnr": [60]}
        if syntax == JPEGLSNearLossless:
            options = {"jls_error": 2}
        dataset.compress(syntax, np.ascontiguousarray(pixels), **options)
