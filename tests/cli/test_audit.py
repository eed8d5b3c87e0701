"""``hdf audit`` as a user types it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import Hdf
from tests.dicom_files import SECRET_ID, SECRET_NAME, write_dicom

RECIPE = """
data:
  loader: {use: csv_boxes, images: images, table: boxes.csv}
  image_size: [32, 32]
  split: {val: 0.5}
  store: memory
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    rows = ["name,x_min,y_min,x_max,y_max"]
    for number in range(4):
        ramp = np.add.outer(np.arange(40) * (number + 1), np.arange(40) * 3) % 256
        Image.fromarray(ramp.astype(np.uint8)).save(tmp_path / f"images/{number}.png")
        rows.append(f"{number},5,5,30,30")
    (tmp_path / "boxes.csv").write_text("\n".join(rows) + "\n")
    file = tmp_path / "mine.yaml"
    file.write_text(RECIPE)
    return file


def test_json_has_the_findings_alone(hdf: Hdf, recipe: Path, tmp_path: Path) -> None:
    (tmp_path / "images/2.png").write_bytes(b"no picture")
    shown = hdf("audit", recipe, "--json")
    assert shown.returncode == 0, shown.stderr
    [finding] = json.loads(shown.stdout)["findings"]
    assert set(finding) == {"name", "kind", "severity", "detail", "others"}
    assert (finding["name"], finding["kind"], finding["severity"]) == ("2", "unreadable", "severe")
    assert "images/2.png" in finding["detail"]


def test_a_pair_is_counted_and_listed_once(hdf: Hdf, recipe: Path, tmp_path: Path) -> None:
    (tmp_path / "images/2.png").write_bytes((tmp_path / "images/1.png").read_bytes())
    [finding] = [
        item
        for item in json.loads(hdf("audit", recipe, "--json").stdout)["findings"]
        if item["kind"] == "duplicate"
    ]
    assert (finding["name"], finding["others"]) == ("1", ["2"])
    assert "1 duplicate" in hdf("audit", recipe).stdout.splitlines()[-2]


def test_strict_fails_where_something_is_severe(hdf: Hdf, recipe: Path, tmp_path: Path) -> None:
    assert hdf("audit", recipe, "--strict").returncode == 0
    (tmp_path / "images/2.png").write_bytes(b"no picture")
    assert hdf("audit", recipe).returncode == 0
    shown = hdf("audit", recipe, "--strict")
    assert shown.returncode == 1
    assert "severe    unreadable  2" in shown.stdout
    assert "4 images, 1 of them with severe findings" in shown.stdout
    assert "Traceback" not in shown.stderr


def test_what_run_refuses_audit_lists(hdf: Hdf, recipe: Path, tmp_path: Path) -> None:
    with (tmp_path / "boxes.csv").open("a") as table:
        table.write("9,1,1,5,5\n")
    (tmp_path / "boxes.csv").write_text(
        (tmp_path / "boxes.csv").read_text().replace("1,5,5,30,30", "1,5,5,99,30")
    )
    refused = hdf("run", recipe, "model.backbone={use: vgg11, width: 0.125}")
    assert refused.returncode == 2
    shown = hdf("audit", recipe, "--json")
    kinds = {item["name"]: item["kind"] for item in json.loads(shown.stdout)["findings"]}
    assert kinds == {"9": "record", "1": "box_outside"}
    for line in refused.stderr.splitlines():
        if line.startswith("error: "):
            assert line.removeprefix("error: ") in shown.stdout


def test_the_page_says_that_it_holds_images(hdf: Hdf, recipe: Path, tmp_path: Path) -> None:
    shown = hdf("audit", recipe, "--html", "page.html")
    assert "contains images" in shown.stderr
    assert "<tr><td>nothing</td>" in (tmp_path / "page.html").read_text()


def test_a_file_that_is_no_page_is_kept(hdf: Hdf, recipe: Path, tmp_path: Path) -> None:
    before = recipe.read_text()
    refused = hdf("audit", recipe, "--html", recipe)
    assert refused.returncode == 2
    assert "is no page of an audit" in refused.stderr
    assert recipe.read_text() == before
    for _ in range(2):
        assert hdf("audit", recipe, "--html", "page.html").returncode == 0
    (tmp_path / "page.html").write_text("mine")
    assert hdf("audit", recipe, "--html", "page.html").returncode == 2
    assert hdf("audit", recipe, "--html", "page.html", "--overwrite").returncode == 0
    assert "hdf audit" in (tmp_path / "page.html").read_text()
    beyond = hdf("audit", recipe, "--html", f"{recipe}/x.html")
    assert beyond.returncode == 2 and "Traceback" not in beyond.stderr


def test_a_mistake_in_the_recipe_is_no_finding(hdf: Hdf, recipe: Path) -> None:
    shown = hdf("audit", recipe, "data.loader.table=nowhere.csv")
    assert (shown.returncode, shown.stdout) == (2, "")
    assert "there is no such table" in shown.stderr


def test_no_model_is_built(hdf: Hdf, recipe: Path) -> None:
    weights = "model.backbone={use: vgg16, weights: imagenet}"
    shown = hdf("audit", recipe, weights, TORCH_HOME="/nonexistent")
    assert shown.returncode == 0, shown.stderr


def test_no_patient_is_named(hdf: Hdf, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    ramp = np.add.outer(np.arange(40), np.arange(40) * 3).astype(np.uint8)
    for number in range(3):
        write_dicom(tmp_path / f"images/{number}.dcm", ramp + number)
    (tmp_path / "images/3.dcm").write_bytes((tmp_path / "images/2.dcm").read_bytes()[:900])
    (tmp_path / "train.txt").write_text("0\n1\n")
    (tmp_path / "val.txt").write_text("2\n")
    file = tmp_path / "mine.yaml"
    file.write_text(
        "data:\n  loader: {use: image_folder, images: images}\n"
        "  split: {lists: {train: train.txt, val: val.txt}}\n"
    )
    shown = hdf(
        "audit", file, "--html", "page.html", HDF_SALT="s", HDF_CACHE=str(tmp_path / "cache")
    )
    assert shown.returncode == 0, shown.stderr
    assert "patient_on_both_sides" in shown.stdout and "unreadable" in shown.stdout
    texts = [shown.stdout, shown.stderr, (tmp_path / "page.html").read_text()]
    texts += [
        path.read_bytes().decode("latin-1")
        for path in (tmp_path / "cache").rglob("*")
        if path.is_file()
    ]
    for secret in (SECRET_ID, SECRET_NAME, "Secretperson"):
        assert all(secret not in text for text in texts)
