"""A run that lists the visualizer writes a report for each validation image."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from conftest import MakeImage
from highdicom import sr
from pydicom import dcmread

from hdf.cli.main import hdf

# What the entry point of the installed package does.
PLUGIN = "from hdf_dicom_sr import hdf_visualizers\n"
RECIPE = """\
data:
  loader: {use: csv_boxes, images: images, table: hearts.csv}
  image_size: [32, 32]
model:
  backbone: {use: vgg11, width: 0.125}
  head: {use: box_regression, hidden: [4]}
train: {epochs: 1, batch_size: 4, precision: float32}
visualize: [{use: dicom_sr}]
"""


def test_a_run(make_image: MakeImage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(
        "HDF_DISABLE_PLUGINS", "hdf-dicom-sr"
    )  # once is enough, where it is installed
    (tmp_path / "images").mkdir()
    images = [
        make_image(f"images/{number:02}.dcm", PatientID=f"ID-{number}") for number in range(10)
    ]
    rows = [f"{image.name},20,10,50,45" for image in images]
    table = "\n".join(["name,x_min,y_min,x_max,y_max", *rows])
    (tmp_path / "hearts.csv").write_text(table)
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "sr.py").write_text(PLUGIN)
    arguments = ["run", "recipe.yaml", "--plugins-dir", "plugins", "--out", "out"]
    shown = CliRunner().invoke(hdf, arguments, catch_exceptions=False)
    assert shown.exit_code == 0, shown.output
    reports = sorted((tmp_path / "out" / "figures" / "dicom_sr").glob("*.dcm"))
    assert len(reports) == 2, shown.output
    known = {dcmread(image).SOPInstanceUID: image.stem for image in images}
    for path in reports:
        (group,) = sr.srread(path).content.get_planar_roi_measurement_groups()
        reference = group.roi.ContentSequence[0].ReferencedSOPSequence[0]
        assert known[reference.ReferencedSOPInstanceUID] in path.stem
