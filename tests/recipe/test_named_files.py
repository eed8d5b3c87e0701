"""``hdf check`` says which of a recipe's files and folders are not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from hdf.recipe.check import check_recipe, missing_files
from hdf.recipe.merge import resolve
from hdf.registry.registry import Registry
from tests.conftest import Hdf

NESTED = "{use: concat, sources: {one: {use: image_folder, images: gone}}}"


def missing(registry: Registry, *overrides: str) -> list[str]:
    source = resolve(Path("vgg16_mse"), ["augment=[]", *overrides])
    return [problem.where for problem in missing_files(check_recipe(source, registry))]


@pytest.mark.parametrize(
    ("override", "keys"),
    [
        ("data.loader={use: csv_boxes, images: gone, table: here.csv}", ["data.loader.images"]),
        ("data.loader={use: mask_boxes, images: here, masks: gone}", ["data.loader.masks"]),
        (f"data.loader={NESTED}", ["data.loader.sources.one.images"]),
        ("model.backbone.weights=here.csv", []),
        ("model.backbone={use: vgg16, weights: gone.pth}", ["model.backbone.weights"]),
        ("model.backbone={use: vgg16, weights: imagenet}", []),
        ("data.split={lists: {train: here.csv, val: gone}}", ["data.split.lists.val"]),
        ("data.store=gone", []),  # made by the run
    ],
)
def test_each_missing_path_is_named_by_its_key(
    registry: Registry,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    override: str,
    keys: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here").mkdir()
    (tmp_path / "here.csv").write_text("")
    assert missing(registry, override) == [f"command line: {override} ({key})" for key in keys]


def test_check_refuses_a_recipe_whose_files_are_not_there(hdf: Hdf, tiny_recipe: Path) -> None:
    loader = "data.loader={use: csv_boxes, images: gone, table: none.csv}"
    arguments = ("check", tiny_recipe, loader, "train.init_from=nowhere")
    shown = hdf(*arguments)
    assert shown.returncode == 2
    lines = shown.stderr.splitlines()
    for line, key, path in zip(
        lines,
        ("data.loader.images", "data.loader.table", "train.init_from"),
        ("'gone'", "'none.csv'", "nowhere: no shipped model"),
        strict=False,
    ):
        assert f"({key}): " in line and path in line
    assert lines[-1].endswith("give --no-files")
    assert hdf(*arguments, "--no-files").returncode == 0


def test_a_path_may_begin_at_home(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "films").mkdir()
    named = "data.loader={use: image_folder, images: ~/films}"
    assert missing(registry, named) == []
    (part,) = [
        part
        for key, part in check_recipe(resolve(Path("vgg16_mse"), [named]), registry).parts.items()
        if key == ("data", "loader")
    ]
    assert part.values["images"] == tmp_path / "films"
