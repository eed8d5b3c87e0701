"""Images in DICOM, made of noise, of a patient who does not exist."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian, generate_uid

ROWS, COLUMNS = 60, 80
SECRETS = {
    "PatientName": "Nobody^Anna",
    "PatientID": "ID-4711",
    "PatientBirthDate": "19500102",
    "AccessionNumber": "ACC-0815",
    "ReferringPhysicianName": "Doctor^Who",
    "StudyDescription": "Chest of Anna",
}
MakeImage = Callable[..., Path]


@pytest.fixture
def make_image(tmp_path: Path) -> MakeImage:
    def make(name: str = "image.dcm", **elements: Any) -> Path:
        meta = FileMetaDataset()
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        meta.MediaStorageSOPClassUID = DigitalXRayImageStorageForPresentation
        meta.MediaStorageSOPInstanceUID = generate_uid()
        image = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
        image.SOPClassUID = meta.MediaStorageSOPClassUID
        image.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
        image.StudyInstanceUID, image.SeriesInstanceUID = generate_uid(), generate_uid()
        image.Modality, image.PhotometricInterpretation = "DX", "MONOCHROME2"
        image.Rows, image.Columns, image.SamplesPerPixel = ROWS, COLUMNS, 1
        image.BitsAllocated = image.BitsStored = 8
        image.HighBit, image.PixelRepresentation = 7, 0
        for keyword, value in {**SECRETS, "ViewPosition": "PA", **elements}.items():
            setattr(image, keyword, value)
        noise = np.random.default_rng(len(name)).integers(0, 256, (ROWS, COLUMNS), np.uint8)
        image.PixelData = noise.tobytes()
        path = tmp_path / name
        image.save_as(path, enforce_file_format=True)
        return path

    return make
