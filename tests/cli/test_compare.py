"""``hdf compare`` on runs of phantoms, as a user types it."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from hdf.evaluation.tables import read_comparison
from hdf.tools.compare import short_names
from tests.cli.calling import call, refusal
from tests.docs.documentation import section

RECIPE = """\
name: tiny
data:
  loader: {use: phantom, count: 16, size: [64, 64]}
  labels: [heart, left_lung, right_lung]
  image_size: [32, 32]
  split: {folds: 2}
model:
  backbone: {use: vgg11, width: 0.125}
  head: {use: box_regression, hidden: [8]}
train: {epochs: 1, batch_size: 4, precision: float32}
visualize: []
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cross-validation, and a run of its fold 0 that learnt for longer."""
    folder = tmp_path_factory.mktemp("compare")
    (folder / "tiny.yaml").write_text(RECIPE)
    assert call("crossval", folder / "tiny.yaml", "--out", folder / "folds").exit_code == 0
    longer = ("train.epochs=3", "--out", folder / "longer")
    assert call("run", folder / "tiny.yaml", *longer).exit_code == 0
    return folder


def test_differences_are_those_of_the_tables(runs: Path) -> None:
    shown = call("compare", runs / "folds" / "fold-0", runs / "longer", "--json")
    found = json.loads(shown.stdout)
    a, b = (read_comparison(path) for path in (runs / "folds" / "fold-0", runs / "longer"))
    assert found["images"] == len(a.images) == 8
    rows = {(row["label"], row["metric"]): row for row in found["differences"]}
    iou = rows["", "iou"]
    assert iou["difference"] == pytest.approx(float((b.matches.iou - a.matches.iou).mean()))
    assert iou["difference_95"][0] <= iou["difference"] <= iou["difference_95"][1]
    edges = rows["heart", "edge_error_px"]
    error = b.of_label("heart").matches.edge_error.abs().mean()
    assert edges["value"] == pytest.approx(float(error), rel=1e-5)
    for name, folder in (("reference", runs / "folds" / "fold-0"), ("value", runs / "longer")):
        metrics = json.loads((folder / "summary.json").read_text())["metrics"]["val"]
        assert rows["", "ratio_error"][name] == pytest.approx(metrics["ratio"]["mae"])
    assert found["recipe"] == {"train.epochs": ["1", "3"]}
    first = found["changed"][0]["iou"]
    assert abs(first[0] - first[1]) >= max(
        abs(x - y) for x, y in (r["iou"] for r in found["changed"])
    )


def test_a_run_differs_from_itself_by_nothing(runs: Path) -> None:
    found = json.loads(call("compare", runs / "longer", runs / "longer", "--json").stdout)
    assert {row["difference"] for row in found["differences"]} == {0.0}
    assert found["recipe"] == {}
    assert (found["changed"], found["unchanged"]) == ([], 8)


def test_where_no_image_has_changed_it_is_said(runs: Path, tmp_path: Path) -> None:
    shown = call("compare", runs / "longer", runs / "longer", "--html", tmp_path / "page.html")
    assert shown.exit_code == 0
    assert "no image has changed" in shown.stdout and "changed most" not in shown.stdout
    assert shown.stderr.endswith("without images: none has changed\n")
    text = (tmp_path / "page.html").read_text()
    assert "No image has changed" in text and "They are left out" not in text


def test_images_that_have_not_changed_are_not_listed(runs: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(runs / "longer", other)
    head, *rows = (runs / "folds" / "fold-0" / "matches.csv").read_text().splitlines()
    image = rows[0].split(",")[0]
    kept = [row for row in rows if row.split(",")[0] == image]
    own = (runs / "longer" / "matches.csv").read_text().splitlines()[1:]
    kept += [row for row in own if row.split(",")[0] != image]
    (other / "matches.csv").write_text("\n".join([head, *kept, ""]))
    found = json.loads(call("compare", runs / "longer", other, "--json").stdout)
    assert [row["image"] for row in found["changed"]] == [image]
    assert found["unchanged"] == 7


def test_one_common_image_gives_no_interval(runs: Path, tmp_path: Path) -> None:
    shutil.copytree(runs / "longer", tmp_path / "one")
    for table in ("matches.csv", "predictions.csv"):
        head, *rows = (tmp_path / "one" / table).read_text().splitlines()
        first = [row for row in rows if row.split(",")[0] == rows[0].split(",")[0]]
        (tmp_path / "one" / table).write_text("\n".join([head, *first, ""]))
    told = refusal("compare", runs / "longer", tmp_path / "one")
    assert "one validation image in common; an interval needs two" in told


def test_common_images_are_compared(runs: Path) -> None:
    folds = runs / "folds"
    shown = call("compare", folds, runs / "longer", folds / "fold-0")
    assert shown.exit_code == 0
    assert "run 1: folds (tiny); 8 of its images are not in all runs" in shown.stdout
    assert "8 images with 24 true boxes are in all of them" in shown.stdout
    assert re.search(r"^train.epochs +1 +3 +1$", shown.stdout, re.M)
    told = refusal("compare", folds / "fold-0", folds / "fold-1")
    assert "no validation image in common" in told


def test_rows_are_matched_by_image_whatever_their_order(runs: Path, tmp_path: Path) -> None:
    shuffled = tmp_path / "shuffled"
    shutil.copytree(runs / "longer", shuffled)
    head, *lines = (shuffled / "matches.csv").read_text().splitlines()
    (shuffled / "matches.csv").write_text("\n".join([head, *reversed(lines)]) + "\n")
    found = json.loads(call("compare", runs / "longer", shuffled, "--json").stdout)
    assert {row["difference"] for row in found["differences"]} == {0.0}
    assert found["moved_true_boxes"] == 0


def test_labels_and_true_boxes_that_differ_are_told(runs: Path, tmp_path: Path) -> None:
    for name, old, new in (("other", ",left_lung,", ",spleen,"), ("none", r",\w+_?\w+,", ",x,")):
        folder = tmp_path / name
        shutil.copytree(runs / "longer", folder)
        for table in ("matches.csv", "predictions.csv"):
            head, rest = (folder / table).read_text().split("\n", 1)
            rest = (
                re.sub(old, new, rest)
                if name == "other"
                else re.sub("heart|left_lung|right_lung", "x", rest)
            )
            (folder / table).write_text(f"{head}\n{rest}")
    found = json.loads(call("compare", runs / "longer", tmp_path / "other", "--json").stdout)
    assert found["labels"] == ["heart", "right_lung"]
    assert {row["metric"] for row in found["differences"]} == {"iou", "edge_error_px"}
    told = refusal("compare", runs / "longer", tmp_path / "none")
    assert "no true box in common; their labels are: heart, left_lung, right_lung; x" in told


def test_the_page_shows_what_changed_most(runs: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    shown = call("compare", runs / "folds" / "fold-0", runs / "longer", "--html", page)
    assert "contains images of the data set" in shown.stderr
    text = page.read_text()
    written = re.sub(r"base64,[\w+/=]+", "", text)
    assert "://" not in written and "<script" not in written
    assert "contains images" in text and "not a medical device" in text
    assert text.count('class="open"') == 2 * 8
    assert (
        len(re.findall(r'class="id">[^<]+, run 1</span>IoU', text)) == 8
    )  # which run a film is of
    assert str(runs) not in text  # folders above may name people
    longer = runs / "longer" / "resolved.yaml"
    kept = longer.read_text()
    moved = kept.replace("name: tiny", "name: /home/erika/tiny")
    longer.write_text(moved.replace("store: auto", "store: scans/erika"))
    assert call("compare", runs / "folds", runs / "longer", "--html", page).exit_code == 0
    longer.write_text(kept)
    assert "…/tiny" in page.read_text() and "erika" not in page.read_text()
    assert call("compare", runs / "folds", runs / "longer", "--html", page).exit_code == 0
    page.write_text("mine")
    told = refusal("compare", runs / "folds", runs / "longer", "--html", page)
    assert "is no page of a comparison" in told and page.read_text() == "mine"


def test_images_that_are_gone_are_left_out(runs: Path, tmp_path: Path) -> None:
    for name in ("folds/fold-0", "longer"):
        shutil.copytree(runs / name, tmp_path / Path(name).name)
        recipe = tmp_path / Path(name).name / "resolved.yaml"
        recipe.write_text(recipe.read_text().replace("phantom", "gone"))
    arguments = (tmp_path / "fold-0", tmp_path / "longer", "--html", tmp_path / "page.html")
    shown = call("compare", *arguments)
    assert shown.exit_code == 0 and "without images" in shown.stderr
    assert "They are left out" in (tmp_path / "page.html").read_text()


def test_what_can_t_be_compared_is_told(runs: Path, tmp_path: Path) -> None:
    assert "holds no summary.json" in refusal("compare", runs / "longer", tmp_path)
    assert call("compare", runs / "longer").exit_code == 2


def test_names_are_as_short_as_they_can_be() -> None:
    paths = [Path("/home/erika/runs/a/now"), Path("/home/erika/runs/b/now")]
    assert short_names(paths) == ["a/now", "b/now"]


def test_every_key_is_documented(runs: Path) -> None:
    found = json.loads(call("compare", runs / "folds", runs / "longer", "--json").stdout)
    text = section("compare.md", "## As JSON")
    keys = {*found, *found["runs"][0], *found["differences"][0], *found["changed"][0]}
    assert {key for key in keys if f"`{key}`" not in text} == set()
