"""The recipes and files that docs/data.md prints work as printed."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from hdf.models.build import build
from hdf.recipe.check import check_recipe
from hdf.recipe.merge import resolve
from hdf.registry.registry import Registry
from hdf_plugins.loaders.coco import Coco
from hdf_plugins.loaders.csv_boxes import CsvBoxes
from hdf_plugins.loaders.folders import Folder
from tests.docs.documentation import blocks, named_blocks

PAGE = "data.md"


@pytest.mark.parametrize("name", sorted(n for n in named_blocks(PAGE) if n.endswith(".yaml")))
def test_recipes_are_in_order(name: str, tmp_path: Path, registry: Registry) -> None:
    (tmp_path / name).write_text(named_blocks(PAGE)[name])
    checked = check_recipe(resolve(tmp_path / name, []), registry)
    assert hasattr(build(checked.parts["data", "loader"], labels=("heart",)), "records")


@pytest.mark.parametrize("text", [block.text for block in blocks(PAGE) if block.language == "csv"])
def test_tables_are_read(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HDF_SALT", "a secret of the tests")
    (tmp_path / "images").mkdir()
    for name in ("film-001", "film-002"):
        Image.new("L", (1024, 1024)).save(tmp_path / "images" / f"{name}.png")
    (tmp_path / "table.csv").write_text(text)
    table = tmp_path / "table.csv"
    samples = CsvBoxes(images=tmp_path / "images", table=table, unlisted="ignore").records()
    assert samples
    assert not any(sample.faults for sample in samples)


def test_the_json_is_read(tmp_path: Path) -> None:
    (text,) = (block.text for block in blocks(PAGE) if block.language == "json")
    (tmp_path / "instances.json").write_text(text)
    loader = Coco(images=tmp_path, annotations=tmp_path / "instances.json")
    (image,) = loader.read(Folder(tmp_path))
    assert not image.faults
    assert image.patient == "17"
    assert [label for _, label in image.boxes] == ["heart"]
