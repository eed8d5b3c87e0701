"""Whose image it is, so that images of one patient stay on one side of a split."""

from __future__ import annotations

from pathlib import Path

from hdf.files import group_of
from hdf.images import image_facts


def patient_group(path: Path, stated: str = "") -> str:
    """The group of an image: a salted hash of its patient, or empty where no patient is known.

    Args:
        path: the image; a DICOM names its patient.
        stated: the patient as a table gives it, which goes before what a DICOM says.

    Raises:
        UserError: the DICOM's header can't be read.
    """
    return group_of(stated) or image_facts(path).patient
