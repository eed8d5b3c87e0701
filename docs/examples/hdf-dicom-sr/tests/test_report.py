"""What a report says is read back with highdicom and pydicom, from a file."""

from __future__ import annotations

import re
from pathlib import Path

import highdicom as hd
import numpy as np
import pytest
import torch
from conftest import COLUMNS, ROWS, SECRETS, MakeImage
from hdf_dicom_sr.codes import CARDIOTHORACIC_RATIO, HEART, LEFT, LUNG, RIGHT
from hdf_dicom_sr.report import make_report, outline
from hdf_dicom_sr.source import read_source
from highdicom import sr
from pydicom import Dataset, dcmread
from pydicom.sr.codedict import codes

import hdf

BOXES = {
    "heart": torch.tensor([30.25, 20.0, 50.25, 40.5]),
    "left_lung": torch.tensor([44.0, 5, 70, 45]),
    "right_lung": torch.tensor([10.0, 6, 35, 44]),
}


def written(image: Path, boxes: dict[str, torch.Tensor], identity: str = "blank") -> Path:
    report = make_report(read_source(image, identity), boxes, hd.UID())  # type: ignore[arg-type]
    path = image.with_name("report.dcm")
    report.save_as(path, enforce_file_format=True)
    return path


def content(path: Path) -> sr.MeasurementReport:
    found = sr.srread(path).content
    assert isinstance(found, sr.MeasurementReport)
    return found


def test_regions(make_image: MakeImage) -> None:
    image = make_image()
    header = dcmread(image)
    groups = content(written(image, BOXES)).get_planar_roi_measurement_groups()
    assert [group.tracking_identifier for group in groups] == [f"{name} box" for name in BOXES]
    assert [group.finding_type for group in groups] == [HEART, LUNG, LUNG]
    sides = [group.finding_sites[0].laterality for group in groups]
    assert sides == [None, LEFT, RIGHT]
    for group, (x0, y0, x1, y1) in zip(
        groups, map(torch.Tensor.tolist, BOXES.values()), strict=True
    ):
        assert group.reference_type == codes.DCM.ImageRegion
        assert group.roi.graphic_type == sr.GraphicTypeValues.POLYLINE
        corners = [(x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0)]
        np.testing.assert_allclose(group.roi.value, corners)
        (reference,) = group.roi.ContentSequence
        pointed = reference.ReferencedSOPSequence[0]
        assert pointed.ReferencedSOPClassUID == header.SOPClassUID
        assert pointed.ReferencedSOPInstanceUID == header.SOPInstanceUID


def test_the_whole_image_reaches_from_zero_to_columns_and_rows() -> None:
    whole = outline(torch.tensor([-3.0, 0, 99, 60]), ROWS, COLUMNS)
    assert whole.tolist() == [[0, 0], [COLUMNS, 0], [COLUMNS, ROWS], [0, ROWS], [0, 0]]


def test_the_ratio(make_image: MakeImage) -> None:
    (group,) = content(written(make_image(), BOXES)).get_image_measurement_groups()
    (measurement,) = group.get_measurements()
    assert measurement.name == CARDIOTHORACIC_RATIO
    assert measurement.value == pytest.approx(20 / 60, abs=1e-4)
    assert measurement.unit.value == "1"


@pytest.mark.parametrize(
    ("view", "labels"), [("AP", tuple(BOXES)), ("PA", ("heart", "left_lung")), ("LL", tuple(BOXES))]
)
def test_no_ratio(make_image: MakeImage, view: str, labels: tuple[str, ...]) -> None:
    boxes = {label: BOXES[label] for label in labels}
    found = content(written(make_image(ViewPosition=view), boxes))
    assert not found.get_image_measurement_groups()
    assert len(found.get_planar_roi_measurement_groups()) == len(labels)


def test_who_made_it_and_what_it_is_worth(make_image: MakeImage) -> None:
    report = dcmread(written(make_image(), BOXES))
    assert (report.CompletionFlag, report.VerificationFlag) == ("COMPLETE", "UNVERIFIED")
    assert report.PreliminaryFlag == "PRELIMINARY"
    texts = [item.TextValue for item in items(report) if item.ValueType == "TEXT"]
    assert any("hdf is not a medical device" in text for text in texts)
    assert {"hdf", f"hdf {hdf.__version__}", hdf.__version__} <= set(texts)
    assert report.ContentTemplateSequence[0].TemplateIdentifier == "1500"


def items(parent: Dataset) -> list[Dataset]:
    below = list(parent.get("ContentSequence", []))
    return below + [item for child in below for item in items(child)]


def test_nobody_is_named_unless_asked_for(make_image: MakeImage) -> None:
    image = make_image()
    path = written(image, BOXES)
    told = path.read_bytes()
    assert not [value for value in SECRETS.values() if value.encode() in told]
    assert dcmread(path).PatientName == dcmread(path).PatientID == ""
    assert dcmread(path).StudyInstanceUID == dcmread(image).StudyInstanceUID


def test_a_report_that_belongs_to_the_patient(make_image: MakeImage) -> None:
    image = make_image()
    report = dcmread(written(image, BOXES, "copy"))
    for keyword in SECRETS:
        assert report[keyword].value == dcmread(image)[keyword].value
    assert report.SeriesInstanceUID != dcmread(image).SeriesInstanceUID


def test_an_image_without_what_a_report_points_to(make_image: MakeImage) -> None:
    image = make_image(SeriesInstanceUID="")
    with pytest.raises(hdf.UserError, match=r"image.dcm has no SeriesInstanceUID"):
        read_source(image, "blank")


def test_an_unknown_structure_has_a_private_code(make_image: MakeImage) -> None:
    boxes = {"aortic_knob": torch.tensor([40.0, 5, 50, 15])}
    (group,) = content(written(make_image(), boxes)).get_planar_roi_measurement_groups()
    assert group.finding_type.scheme_designator == "99HDF"
    assert group.finding_type.meaning == "aortic_knob"


def test_the_example_of_the_readme(make_image: MakeImage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(make_image("chest.dcm").parent)
    readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"^```python\n(.+?)^```$", readme, re.MULTILINE | re.DOTALL)
    exec(example, {})
    groups = content(Path("report.dcm")).get_planar_roi_measurement_groups()
    assert "heart box" in {group.tracking_identifier for group in groups}
