"""A report for every validation image that is a DICOM."""

from __future__ import annotations

import re
from pathlib import Path

import highdicom as hd
from torch import Tensor

import hdf
from hdf.files import replacing
from hdf.images import is_dicom
from hdf_dicom_sr.report import make_report
from hdf_dicom_sr.source import Identity, read_source


class DicomSR:
    """Boxes and cardiothoracic ratio of the validation images as DICOM structured reports.

    Reports are written for images in DICOM only. For research only: hdf is not a medical device.

    Args:
        identity: ``blank`` leaves patient and study empty; ``copy`` takes them from the image, so
            that an archive files the report with the patient. The reports then **name the
            patient**.
    """

    when = "end"

    def __init__(self, *, identity: Identity = "blank") -> None:
        self.identity: Identity = identity

    def draw(self, view: hdf.View, folder: Path) -> list[Path]:
        """Write ``dicom_sr/NAME.dcm`` for each image.

        Raises:
            hdf.UserError: no image is a DICOM, or one lacks what a report must point to.
        """
        sources = {index: _dicom_of(sample) for index, sample in enumerate(view.samples)}
        found = {index: path for index, path in sources.items() if path is not None}
        if not found:
            raise hdf.UserError("no validation image is a DICOM: there is nothing to report on")
        series: dict[str, hd.UID] = {}
        written: list[Path] = []
        for number, (index, path) in enumerate(found.items(), 1):
            source = read_source(path, self.identity)
            uid = series.setdefault(source.StudyInstanceUID, hd.UID())
            report = make_report(source, _boxes(view, index), uid, number)
            name = re.sub(r"[^\w.-]+", "_", view.samples[index].id)
            target = folder / "dicom_sr" / f"{name}.dcm"
            if target in written:
                target = target.with_stem(f"{name}-{number}")
            with replacing(target) as temporary:
                report.save_as(temporary, enforce_file_format=True)
            written.append(target)
        return written


def _dicom_of(sample: hdf.Sample) -> Path | None:
    return next((path for path in sample.files if is_dicom(path)), None)


def _boxes(view: hdf.View, index: int) -> dict[str, Tensor]:
    best = {label: view.detections[index].best(at) for at, label in enumerate(view.labels)}
    return {label: box for label, box in best.items() if box is not None}
