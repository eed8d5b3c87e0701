"""Images of one patient are one group, whoever names the patient."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pydicom
import pytest

from hdf import Sample
from hdf_plugins.loaders.coco import Coco
from hdf_plugins.loaders.concat import Concat
from hdf_plugins.loaders.csv_boxes import CsvBoxes
from hdf_plugins.loaders.image_folder import ImageFolder
from hdf_plugins.loaders.mask_boxes import MaskBoxes

NAMES = {"a": "Smith-17", "b": "Jones-18", "c": "Smith-17"}


@pytest.fixture(autouse=True)
def _salt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HDF_SALT", "a secret of the tests")


@pytest.fixture
def films(tmp_path: Path) -> Path:
    """Three DICOMs of 8 x 10 pixels, two of them of one patient."""
    folder = tmp_path / "films"
    folder.mkdir()
    for name, patient in NAMES.items():
        file = pydicom.Dataset()
        file.file_meta = pydicom.dataset.FileMetaDataset()
        file.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
        file.SOPClassUID = pydicom.uid.DigitalXRayImageStorageForPresentation
        file.SOPInstanceUID = pydicom.uid.generate_uid()
        file.PatientID = patient
        file.Rows, file.Columns = 8, 10
        file.SamplesPerPixel, file.PhotometricInterpretation = 1, "MONOCHROME2"
        file.BitsAllocated = file.BitsStored = 8
        file.HighBit, file.PixelRepresentation = 7, 0
        file.PixelData = np.arange(80, dtype=np.uint8).tobytes()
        file.save_as(folder / f"{name}.dcm", enforce_file_format=True)
    return folder


def _assert_grouped(samples: list[Sample]) -> None:
    assert [sample.faults for sample in samples] == [()] * 3
    a, b, c = (sample.group for sample in samples)
    assert a == c != b
    assert not any(name in repr(samples) for name in NAMES.values())


def _table(folder: Path) -> Path:
    rows = [f"{name},1,2,5,6\n" for name in NAMES]
    (folder / "table.csv").write_text("name,x_min,y_min,x_max,y_max\n" + "".join(rows))
    return folder / "table.csv"


def test_dicom_headers_name_the_patient(films: Path, tmp_path: Path) -> None:
    _assert_grouped(ImageFolder(images=films).records())
    _assert_grouped(CsvBoxes(images=films, table=_table(tmp_path)).records())
    masks = tmp_path / "masks"
    (masks / "heart").mkdir(parents=True)
    for name in NAMES:
        np.save(masks / "heart" / f"{name}.npy", np.eye(8, 10) > 0)
    _assert_grouped(MaskBoxes(("heart",), images=films, masks=masks).records())


def test_a_header_that_cannot_be_read_is_a_fault(films: Path, tmp_path: Path) -> None:
    (films / "b.dcm").write_bytes(b"no DICOM at all")
    first, second, _ = CsvBoxes(images=films, table=_table(tmp_path)).records()
    assert not first.faults
    assert second.faults[0].startswith(str(films / "b.dcm"))
    assert ImageFolder(images=films).records()[1].faults == second.faults


def test_coco_files_and_tables_name_the_same_patient(films: Path, tmp_path: Path) -> None:
    images = [
        {"id": name, "file_name": f"{name}.dcm", "patient_id": patient}
        for name, patient in NAMES.items()
    ]
    path = tmp_path / "boxes.json"
    path.write_text(json.dumps({"images": images, "annotations": [], "categories": []}))
    coco = Coco(images=films, annotations=path)
    _assert_grouped(coco.records())
    samples = Concat(sources={"x": coco, "y": ImageFolder(images=films)}).records()
    assert [sample.group for sample in samples[:3]] == [sample.group for sample in samples[3:]]
