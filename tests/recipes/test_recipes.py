"""Every packaged recipe runs from data to pictures, shrunk by overrides alone."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from hdf.recipe.load import packaged_recipes
from hdf.recipe.merge import resolve
from hdf_plugins.loaders.phantom import Phantom
from tests.conftest import Hdf

SMALL = ("data.image_size=[32, 32]", "train.epochs=1", "train.batch_size=8")
TINY_MODEL = ("model.backbone={use: vgg11, width: 0.125}", "model.head.hidden=[8]")


@pytest.fixture
def exercise(tmp_path: Path) -> Path:
    """The classic exercise's layout: float16 ``.npy`` of 224 x 224, and boxes in that frame."""
    (tmp_path / "images").mkdir()
    rows = ["label,x0,y0,w,h,name,img_shape_x,img_shape_y"]
    for sample in Phantom(count=12).records():
        pixels = sample.read()[0].numpy().astype(np.float16)
        np.save(tmp_path / "images" / f"{sample.id}.npy", pixels)
        assert sample.target is not None
        x0, y0, x1, y1 = map(int, sample.target.boxes[0].tolist())
        rows.append(f"heart,{x0},{y0},{x1 - x0},{y1 - y0},{sample.id},224,224")
    (tmp_path / "hearts.csv").write_text("\n".join(rows[:-2]) + "\n")
    return tmp_path


def finished(folder: Path) -> dict[str, object]:
    summary: dict[str, object] = json.loads((folder / "summary.json").read_text())
    assert (folder / "figures" / "overlay.png").exists()
    assert (folder / "figures" / "worst.png").exists()
    return summary


@pytest.mark.parametrize("name", ["vgg16_mse", "resnet18_smooth_l1", "phantom_vgg16"])
def test_phantom_recipes(hdf: Hdf, tmp_path: Path, name: str) -> None:
    shown = hdf("run", name, "data.loader.count=12", *SMALL, "--out", "out")
    assert shown.returncode == 0, shown.stderr
    assert finished(tmp_path / "out")["recipe"] == name


def test_the_phantom_heart_and_lungs(hdf: Hdf, tmp_path: Path) -> None:
    shown = hdf("run", "phantom_heart_lungs", "data.loader.count=60", *SMALL, "--out", "out")
    assert shown.returncode == 0, shown.stderr
    assert set(finished(tmp_path / "out")["metrics"]["val"]) >= {"labels", "ratio"}  # type: ignore[index]


@pytest.mark.long
def test_the_shipped_recipe_starts_from_the_shipped_phantom_model(
    hdf: Hdf, chest200: Path, tmp_path: Path
) -> None:
    place = [f"data.loader.sources.chest.{name}={chest200 / name}" for name in ("images", "masks")]
    small = ("data.image_size=[64, 64]", "train.epochs=1", "train.batch_size=50")
    shown = hdf("run", "heart_lungs", *place, *small, "--out", "out")
    assert shown.returncode == 0, shown.stderr
    summary = finished(tmp_path / "out")
    assert summary["dataset"] == {"train": 200, "val": 40}
    assert summary["init_from"]["left"] == []  # type: ignore[index]


def test_the_classic_exercise(hdf: Hdf, exercise: Path) -> None:
    data = ("data.loader.images=images", "data.loader.table=hearts.csv")
    shown = hdf("run", "rsna_heart", *data, *SMALL, *TINY_MODEL, "--out", "out")
    assert shown.returncode == 0, shown.stderr
    assert finished(exercise / "out")["dataset"] == {"train": 8, "val": 2}
    strict = hdf("run", "rsna_heart", *data, *SMALL, "data.loader.unlisted=error", *TINY_MODEL)
    assert strict.returncode == 2
    assert strict.stderr.count("no row in hearts.csv") == 2


def test_imagenet_weights_offline_say_what_to_do(hdf: Hdf, exercise: Path) -> None:
    data = ("data.loader.images=images", "data.loader.table=hearts.csv")
    cache = {"TORCH_HOME": str(exercise / "cache"), "https_proxy": "http://127.0.0.1:9"}
    shown = hdf("run", "rsna_heart", *data, **cache)
    assert shown.returncode == 2
    assert re.search(r"Download https://\S+vgg16\S+\.pth and put it at \S+cache", shown.stderr)
    assert "model.backbone.weights=/path/to/vgg16.pth" in shown.stderr
    assert "Traceback" not in shown.stderr
    assert not (exercise / "runs").exists()


def test_real_radiographs(hdf: Hdf, chest200: Path, tmp_path: Path) -> None:
    (recipe,) = [path for path in packaged_recipes() if path.stem == "chest_vgg16"]
    command = recipe.read_text().splitlines()[0].removeprefix("# hdf ").split()
    arguments = [word.replace("$HDF_TEST_DATA", str(chest200.parent)) for word in command]
    arguments[1] = "chest_vgg16"
    shown = hdf(*arguments, *SMALL, *TINY_MODEL, "--out", "out")
    assert shown.returncode == 0, shown.stderr
    assert finished(tmp_path / "out")["dataset"] == {"train": 160, "val": 40}
    scores = json.loads((tmp_path / "out" / "summary.json").read_text())["metrics"]["val"]
    assert 0.60 < scores["constant_box_iou"] < 0.70


def phantom_seeds(value: object) -> set[int]:
    """The series of phantoms that a part of a recipe, as plain values, reads."""
    if isinstance(value, dict):
        if value.get("use") == "phantom":
            return {value.get("seed", 0)}
        return phantom_seeds(list(value.values()))
    return set().union(*map(phantom_seeds, value)) if isinstance(value, list) else set()


@pytest.mark.parametrize("teacher", ["phantom_heart_lungs", "phantom_vgg16"])
def test_no_recipe_reads_the_phantoms_that_shipped_weights_have_seen(teacher: str) -> None:
    seeds = {
        path.stem: phantom_seeds(resolve(path, []).tree.plain()) for path in packaged_recipes()
    }
    assert seeds["vgg16_mse"] and seeds["heart_lungs"]
    seen = seeds.pop(teacher)
    assert len(seen) == 1
    assert [name for name, others in seeds.items() if others & seen] == []
