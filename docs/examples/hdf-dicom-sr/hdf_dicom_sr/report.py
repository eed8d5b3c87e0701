"""From boxes to a structured report: Comprehensive SR with a Measurement Report (TID 1500)."""

from __future__ import annotations

from collections.abc import Mapping

import highdicom as hd
import numpy as np
from highdicom import sr
from pydicom import Dataset
from pydicom.sr.codedict import codes
from torch import Tensor

import hdf
from hdf.ratio import cardiothoracic_ratio
from hdf_dicom_sr.codes import (
    CARDIOTHORACIC_RATIO,
    CHEST_RADIOGRAPHY,
    COMMENT,
    HEART,
    NO_UNITS,
    STRUCTURE,
    site_of,
)

WARNING = (
    "Made by hdf, a research tool. For research only: hdf is not a medical device. Boxes bound "
    "what a network has found and were not verified by a person."
)
DEVICE: str = hd.UID.from_uuid("732b676d-f136-5b7f-b13a-e0d910a0ef3e")


def make_report(
    source: Dataset, boxes: Mapping[str, Tensor], series: str, number: int = 1
) -> sr.ComprehensiveSR:
    """A report of the boxes on one image.

    Args:
        source: the image's header (`hdf_dicom_sr.source.read_source`); patient and study are
            copied from it.
        boxes: float [4] (x0, y0, x1, y1) on pixel edges of the stored image, by label.
        series: the UID of the series that the report belongs to.
        number: of the report within it.

    Returns:
        A region for every box, and the cardiothoracic ratio where heart and both lungs are there,
        unless the header says that the view is not posteroanterior.
    """
    groups: list[sr.PlanarROIMeasurementsAndQualitativeEvaluations] = []
    groups += [_region(source, label, box) for label, box in boxes.items()]
    ratio = cardiothoracic_ratio(boxes)
    whole = [] if ratio is None or not _may_be_pa(source) else [_ratio(source, ratio)]
    content = sr.MeasurementReport(
        observation_context=_observer(),
        procedure_reported=CHEST_RADIOGRAPHY,
        imaging_measurements=[*groups, *whole],
        title=codes.DCM.ImagingMeasurementReport,
    )
    content[0].ContentSequence.append(
        sr.TextContentItem(COMMENT, WARNING, sr.RelationshipTypeValues.CONTAINS)
    )
    report = sr.ComprehensiveSR(
        evidence=[source],
        content=content[0],
        series_instance_uid=series,
        series_number=9000,
        sop_instance_uid=hd.UID(),
        instance_number=number,
        manufacturer="hdf",
        manufacturer_model_name="hdf",
        software_versions=hdf.__version__,
        is_complete=True,
        is_verified=False,
    )
    report.SeriesDescription = "hdf: boxes, for research only"
    return report


def outline(box: Tensor, rows: int, columns: int) -> np.ndarray:
    """A closed rectangle [5, 2] as (column, row).

    DICOM (PS3.3, C.18.6) puts 0\\0 at the outer corner of the first pixel and Columns\\Rows at that
    of the last, so that the middle of the first pixel is 0.5\\0.5. Those are hdf's pixel edges:
    nothing is shifted.
    """
    x0, x1 = box[0::2].clamp(0, columns).tolist()
    y0, y1 = box[1::2].clamp(0, rows).tolist()
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1], [x0, y0]])


def _region(
    source: Dataset, label: str, box: Tensor
) -> sr.PlanarROIMeasurementsAndQualitativeEvaluations:
    site, side = site_of(label)
    region = sr.ImageRegion(
        graphic_type=sr.GraphicTypeValues.POLYLINE,
        graphic_data=outline(box, source.Rows, source.Columns),
        source_image=sr.SourceImageForRegion(source.SOPClassUID, source.SOPInstanceUID),
    )
    return sr.PlanarROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(hd.UID(), f"{label} box"),
        referenced_region=region,
        finding_category=STRUCTURE,
        finding_type=site,
        finding_sites=[sr.FindingSite(site, laterality=side)],
        algorithm_id=_algorithm(),
    )


def _ratio(source: Dataset, ratio: float) -> sr.MeasurementsAndQualitativeEvaluations:
    measurement = sr.Measurement(
        name=CARDIOTHORACIC_RATIO,
        value=round(ratio, 4),
        unit=NO_UNITS,
        referenced_images=[sr.SourceImageForMeasurement(source.SOPClassUID, source.SOPInstanceUID)],
        algorithm_id=_algorithm(),
    )
    return sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(hd.UID(), "cardiothoracic ratio"),
        finding_type=HEART,
        measurements=[measurement],
    )


def _may_be_pa(source: Dataset) -> bool:
    return source.get("ViewPosition") in (None, "", "PA")


def _algorithm() -> sr.AlgorithmIdentification:
    return sr.AlgorithmIdentification(name="hdf", version=hdf.__version__)


def _observer() -> sr.ObservationContext:
    device = sr.DeviceObserverIdentifyingAttributes(
        uid=DEVICE, name="hdf", manufacturer_name="hdf", model_name=f"hdf {hdf.__version__}"
    )
    return sr.ObservationContext(
        observer_device_context=sr.ObserverContext(codes.DCM.Device, device)
    )
