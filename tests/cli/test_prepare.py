"""``hdf prepare`` as a user types it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

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
