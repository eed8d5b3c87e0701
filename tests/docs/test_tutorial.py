"""docs/tutorial.md, followed from top to bottom, does what it says."""

from __future__ import annotations

import csv
import json
import re

import pytest

from tests.docs.conftest import Follow
from tests.docs.documentation import DOCS, Followed, blocks

PAGE = DOCS / "tutorial.md"
TEXT = PAGE.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def followed(follow: Follow) -> Followed:
    return follow(PAGE)


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
