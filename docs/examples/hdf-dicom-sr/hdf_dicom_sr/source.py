"""What a report takes from the image that it speaks of."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydicom import Dataset, dcmread

import hdf

Identity = Literal["blank", "copy"]

REFERENCE = (
    "SOPClassUID",
    "SOPInstanceUID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "Modality",
    "Rows",
    "Columns",
)
EXPECTED = (  # of every image of a patient; they may be empty
    "PatientID",
    "PatientName",
    "PatientBirthDate",
    "PatientSex",
    "StudyID",
    "StudyDate",
    "StudyTime",
    "AccessionNumber",
    "ReferringPhysicianName",
)


def read_source(path: Path, identity: Identity) -> Dataset:
    """The header of an image, as evidence for a report.

    Args:
        path: a DICOM.
        identity: ``blank`` keeps what points to the image and leaves patient and study empty;
            ``copy`` keeps the whole header.

    Raises:
        hdf.UserError: the header lacks what a report must point to.
    """
    header = dcmread(path, stop_before_pixels=True)
    missing = [name for name in REFERENCE if not header.get(name)]
    if missing:
        raise hdf.UserError(f"{path} has no {', '.join(missing)}: a report can't point to it")
    source: Dataset = header
    if identity == "blank":
        source = Dataset()
        for name in (*REFERENCE, "ViewPosition"):
            if name in header:
                setattr(source, name, header[name].value)
    for name in EXPECTED:
        if name not in source:
            setattr(source, name, "")
    return source
