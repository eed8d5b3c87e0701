"""docs/tutorial.md, followed from top to bottom, prints what it shows and does what it says."""

from __future__ import annotations

import csv
import json
import re
import runpy
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.docs.documentation import DOCS, blocks

TEXT = (DOCS / "tutorial.md").read_text(encoding="utf-8")
TRANSCRIPT = runpy.run_path(str(DOCS / "transcript.py"), run_name="transcript")


class Followed(NamedTuple):
    """The page with the outputs of this very machine, and the folder they were made in."""

    text: str
    folder: Path


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Followed:
    folder = tmp_path_factory.mktemp("hearts")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("HDF_CACHE", str(folder / "cache"))
        return Followed(TRANSCRIPT["renewed"](TEXT), folder)


def test_the_outputs_are_up_to_date(followed: Followed) -> None:
    assert followed.text == TEXT, f"docs/tutorial.md is old; run: {TRANSCRIPT['COMMAND']}"


def test_the_audit_finds_the_slip_until_it_is_mended() -> None:
    before, after = [b.text for b in blocks("tutorial.md") if "$ hdf audit" in b.text]
    mirrored = re.compile(r"box_mirrored +(film-\d+)")
    assert mirrored.findall(before) == ["film-007", "film-013"]
    assert mirrored.findall(after) == ["film-013"]


@pytest.mark.parametrize("folder", ["first", "plain", "evaluated"])
def test_more_is_found_than_the_constant_box(followed: Followed, folder: str) -> None:
    summary = json.loads((followed.folder / folder / "summary.json").read_text())
    scores = summary["metrics"]["val"]
    assert scores["iou_mean"] > scores["constant_box_iou"] + 0.05


def test_every_later_film_has_its_row(followed: Followed) -> None:
    with (followed.folder / "found.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert len(rows) == 30
    assert all(row["spread_x0"] and row["heart_width_mm"] and row["doubt"] for row in rows)


@pytest.mark.parametrize(
    "file",
    ["hearts-preview.png", "first/report.html", "first/figures/overlay.png", "first/resolved.yaml"],
)
def test_files_that_the_page_names_are_there(followed: Followed, file: str) -> None:
    assert f"`{file}`" in TEXT
    assert (followed.folder / file).is_file()


def test_a_changed_line_is_a_change_of_shape_and_a_time_is_not() -> None:
    shape = TRANSCRIPT["shape"]
    assert shape("epoch 1/10  loss 5.9  1.1 s\n") == shape("epoch 1/10  loss 15.93  0.7 s\n")
    assert shape("120 images: 90 to train\n") != shape("120 images: 90 to learn\n")
