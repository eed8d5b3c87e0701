"""``hdf prepare`` as a user types it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from hdf.data.folder import VERSION
from tests.conftest import Hdf

RECIPE = """
data:
  loader: {use: csv_boxes, images: images, table: boxes.csv}
  image_size: [32, 32]
  split: {val: 0.5}
model: {backbone: {use: vgg16}, head: {use: box_regression}}
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    rows = ["name,x_min,y_min,x_max,y_max"]
    for number in range(6):
        pixels = np.random.default_rng(number).integers(0, 255, (40, 40), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"images/{number}.png")
        rows.append(f"{number},5,5,30,30")
    (tmp_path / "boxes.csv").write_text("\n".join(rows) + "\n")
    file = tmp_path / "tiny.yaml"
    file.write_text(RECIPE)
    return file


def test_images_are_kept_and_reused(hdf: Hdf, recipe: Path, tmp_path: Path) -> None:
    first = hdf("prepare", str(recipe), HDF_CACHE=str(tmp_path / "cache"))
    assert first.returncode == 0, first.stderr
    assert "6 images, 0 of them reused" in first.stdout
    again = hdf("prepare", str(recipe), HDF_CACHE=str(tmp_path / "cache"))
    assert "6 images, 6 of them reused" in again.stdout
    assert again.stdout.startswith(str(tmp_path / "cache" / "stores"))


def test_a_folder_of_ones_own(hdf: Hdf, recipe: Path, tmp_path: Path) -> None:
    shown = hdf("prepare", str(recipe), f"data.store={tmp_path / 'mine'}")
    assert shown.stdout.startswith(f"{tmp_path / 'mine'}: 6 images")
    refused = hdf(
        "prepare", str(recipe), f"data.store={tmp_path / 'mine'}", "data.image_size=[48, 48]"
    )
    assert refused.returncode == 2
    assert "another image_size" in refused.stderr


def test_another_version_of_hdf_takes_the_same_stores(
    hdf: Hdf, recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for store in ("data.store=mine", "data.store=auto"):
        with monkeypatch.context() as patch:
            assert "0 of them reused" in hdf("prepare", recipe, store, HDF_CACHE="cache").stdout
            patch.setattr("hdf.__version__", "99.0")
            patch.setattr("hdf.registry.discovery.entry_points", of_version("99.0"))
            again = hdf("prepare", recipe, store, HDF_CACHE="cache")
        assert "6 images, 6 of them reused" in again.stdout, again.stderr


def of_version(version: str) -> Callable[..., list[SimpleNamespace]]:
    """The installed entry points, as if their distributions were released anew."""

    def found(group: str) -> list[SimpleNamespace]:
        return [
            SimpleNamespace(
                name=entry.name,
                load=entry.load,
                dist=entry.dist and SimpleNamespace(name=entry.dist.name, version=version),
            )
            for entry in entry_points(group=group)
        ]

    return found


def stores(folder: Path) -> dict[str, Path]:
    """A folder of stores of all kinds, by what they are; each holds a MiB."""
    found = {
        "fits": folder / f"{1:024x}",
        "old": folder / f"{2:024x}",
        "other": folder / f"{3:024x}",
        "damaged": folder / f"{4:024x}",
        "begun": folder / f"{5:024x}",
        "cut": folder / f".{6:024x}",
        "own": folder / "mine",
    }
    for kind, path in found.items():
        path.mkdir(parents=True)
        (path / "images.u8").write_bytes(bytes(2**20))
        if kind != "begun":
            version = VERSION - 1 if kind == "other" else VERSION
            text = "{" if kind == "damaged" else json.dumps({"version": version})
            (path / "header.json").write_text(text)
        days = 31 if kind in ("old", "own") else 29
        for item in (*path.iterdir(), path):
            os.utime(item, (time.time() - days * 86_400,) * 2)
    found["linked"] = folder / f"{7:024x}"
    found["linked"].symlink_to(found["own"])
    return found


def test_old_stores_are_removed_and_nothing_else(hdf: Hdf, tmp_path: Path) -> None:
    there = stores(tmp_path / "cache" / "stores")
    shown = hdf("prepare", "--prune", HDF_CACHE="cache")
    assert shown.returncode == 0, shown.stderr
    gone = {kind for kind, path in there.items() if not path.exists()}
    assert gone == {"old", "other", "damaged", "cut"}
    assert {path.name for path in (tmp_path / "cache" / "stores").iterdir()} == {
        there[kind].name for kind in there.keys() - gone
    }
    assert f"{there['old'].name}: 1.0 MiB, not used for 30 days" in shown.stdout
    assert f"{there['other'].name}: 1.0 MiB, of another version of hdf" in shown.stdout
    assert "4 stores removed, 4.0 MiB; 2 stay, 2.0 MiB" in shown.stdout


def test_a_store_in_use_stays(hdf: Hdf, recipe: Path, tmp_path: Path) -> None:
    hdf("prepare", recipe, HDF_CACHE="cache")
    (store,) = (tmp_path / "cache" / "stores").iterdir()
    for file in store.iterdir():
        os.utime(file, (0, 0))
    shown = hdf("prepare", recipe, "--prune", HDF_CACHE="cache")
    assert "6 images, 6 of them reused" in shown.stdout
    assert "0 stores removed" in shown.stdout and store.is_dir()


def test_without_a_cache_there_is_nothing_to_prune(hdf: Hdf, tmp_path: Path) -> None:
    assert "0 stores removed" in hdf("prepare", "--prune", HDF_CACHE="cache").stdout
    assert not (tmp_path / "cache").exists()
    assert "Missing argument 'RECIPE'" in hdf("prepare").stderr


def test_phantoms_stay_in_memory(hdf: Hdf, tmp_path: Path) -> None:
    file = tmp_path / "phantoms.yaml"
    file.write_text("data: {loader: {use: phantom, count: 8}, image_size: [32, 32]}\n")
    shown = hdf("prepare", str(file), HDF_CACHE=str(tmp_path / "cache"))
    assert shown.stdout.startswith("memory: 8 images"), shown.stderr
    assert not (tmp_path / "cache").exists()


def test_bad_images_end_it_or_are_left_out(hdf: Hdf, recipe: Path, tmp_path: Path) -> None:
    (tmp_path / "images/3.png").write_bytes(b"no picture")
    refused = hdf("prepare", str(recipe), HDF_CACHE=str(tmp_path / "cache"))
    assert refused.returncode == 2
    assert "Traceback" not in refused.stderr
    skipping = ("data.on_bad=skip", "train.epochs=1")
    cache = {"HDF_CACHE": str(tmp_path / "cache")}
    shown = hdf("prepare", str(recipe), *skipping, **cache)
    assert shown.returncode == 0, shown.stderr
    assert "5 images, 5 of them reused" in shown.stdout
    assert "1 left out" in shown.stdout
    assert "left out: 3: " in shown.stderr
