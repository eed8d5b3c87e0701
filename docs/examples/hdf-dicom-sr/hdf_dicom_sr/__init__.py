"""hdf's boxes as DICOM structured reports."""

import hdf
from hdf.hookspecs import Register


@hdf.hookimpl
def hdf_visualizers(register: Register) -> None:
    register(
        "dicom_sr",
        "hdf_dicom_sr.visualizer:DicomSR",
        summary="Boxes and cardiothoracic ratio as DICOM structured reports",
    )
