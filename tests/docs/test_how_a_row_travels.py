"""docs/how-a-row-travels.md names what exists, and its figures are those that the code computes."""

from __future__ import annotations

import re
from pathlib import Path
from pkgutil import resolve_name

import pytest
from PIL import Image

from hdf.data.decode import decode, target_of
from hdf_plugins.loaders.csv_boxes import CsvBoxes
from tests.docs.documentation import DOCS, blocks

PAGE = "how-a-row-travels.md"
TEXT = (DOCS / PAGE).read_text(encoding="utf-8")
NAMES = sorted(set(re.findall(r"`(hdf(?:_plugins)?(?:\.\w+)+)`", TEXT)))


@pytest.mark.parametrize("name", NAMES)
def test_every_name_is_there(name: str) -> None:
    resolve_name(name)


def test_the_row_of_the_page_travels_as_it_says(tmp_path: Path) -> None:
    (tmp_path / "hearts.csv").write_text(blocks(PAGE)[0].text)
    Image.new("L", (400, 320)).save(tmp_path / "film.png")
    (sample,) = CsvBoxes(images=tmp_path, table=tmp_path / "hearts.csv").records()
    assert f"`{sample.where}`" in TEXT
    assert sample.target is not None and sample.target.frame == (160, 200)
    _, geometry = decode(sample, (112, 112), "letterbox")
    (box,) = target_of(sample, geometry.original_size, ("heart",)).boxes.tolist()
    assert str(tuple(map(int, box))) in TEXT
