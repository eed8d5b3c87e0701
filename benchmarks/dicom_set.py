"""A folder of generated radiographs in DICOM, as archives hold them, with a table of boxes."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    JPEGBaseline8Bit,
)

from hdf_plugins.loaders.phantom import Phantom

SIDE = 1024
BASES = 6
DISTINCT = 2_000
"""Files that are written; more are links to these, each with a path of its own."""
RAW_EVERY = 10
Grey = NDArray[np.uint8]


def write_set(folder: Path, count: int) -> tuple[Path, Path]:
    """Write `count` images of 1024 x 1024 pixels and their table.

    Nine in ten are like those of the RSNA Pneumonia challenge: 8 bits, MONOCHROME2, JPEG baseline.
    Each tenth has 12 bits, uncompressed, MONOCHROME1, with a window. Every image shows a phantom
    under noise of its own.

    Returns:
        The folder of images and the table.
    """
    images, table = folder / "images", folder / "boxes.csv"
    images.mkdir(parents=True)
    phantoms = Phantom(count=BASES, size=(SIDE, SIDE)).records()
    bases = [(sample.read()[0].numpy() * 220).astype(np.uint8) for sample in phantoms]
    noise = np.random.default_rng(0).normal(12, 3, (2 * SIDE, 2 * SIDE)).clip(0, 30)
    paths = [images / f"{number:06}.dcm" for number in range(count)]
    with ThreadPoolExecutor() as pool:
        write = partial(_write, bases=bases, noise=noise.astype(np.uint8))
        list(pool.map(write, range(min(count, DISTINCT)), paths))
    for number in range(DISTINCT, count):
        os.link(paths[number % DISTINCT], paths[number])
    rows = "".join(f"{path.name},300,400,700,800\n" for path in paths)
    table.write_text(f"name,x_min,y_min,x_max,y_max\n{rows}")
    return images, table


def _write(number: int, path: Path, bases: list[Grey], noise: Grey) -> None:
    top, left = np.random.default_rng(number).integers(SIDE, size=2)
    pixels = bases[number % BASES] + noise[top : top + SIDE, left : left + SIDE]
    if number % RAW_EVERY:
        buffer = BytesIO()
        Image.fromarray(pixels).save(buffer, "jpeg", quality=90)
        dataset = _dataset(number, "MONOCHROME2", 8, JPEGBaseline8Bit)
        dataset.PixelData = encapsulate([buffer.getvalue()])
        dataset["PixelData"].VR = "OB"
    else:
        dataset = _dataset(number, "MONOCHROME1", 12, ExplicitVRLittleEndian)
        dataset.WindowCenter, dataset.WindowWidth = 2000, 3600
        dataset.PixelData = (4095 - pixels.astype("<u2") * 16).tobytes()
        dataset["PixelData"].VR = "OW"
    dataset.save_as(path, enforce_file_format=True)


def _dataset(number: int, interpretation: str, bits: int, syntax: UID) -> FileDataset:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = syntax
    meta.MediaStorageSOPClassUID = DigitalXRayImageStorageForPresentation
    meta.MediaStorageSOPInstanceUID = UID(f"1.2.3.{number}")
    dataset = FileDataset(None, {}, file_meta=meta, preamble=bytes(128))
    dataset.SOPClassUID = meta.MediaStorageSOPClassUID
    dataset.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    dataset.PatientID, dataset.Modality, dataset.ViewPosition = f"patient {number}", "DX", "PA"
    dataset.PhotometricInterpretation, dataset.SamplesPerPixel = interpretation, 1
    dataset.Rows = dataset.Columns = SIDE
    dataset.BitsAllocated = 8 if bits == 8 else 16
    dataset.BitsStored, dataset.HighBit = bits, bits - 1
    dataset.PixelRepresentation = 0
    return dataset
