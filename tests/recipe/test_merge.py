"""``extends`` and ``key.path=value``."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from hdf.errors import UserError
from hdf.recipe.merge import resolve

BASE = """\
seed: 1
data:
  loader: {use: phantom, count: 5}
  split: {val: 0.2}
augment:
  - {use: affine, degrees: 8}
  - {use: gamma}
model:
  backbone: {use: vgg16, width: 0.5}
visualize: [{use: curves}]
"""


@pytest.fixture
def base(tmp_path: Path) -> Path:
    path = tmp_path / "base.yaml"
    path.write_text(BASE)
    return path


def changed(base: Path, *overrides: str) -> Any:
    return resolve(base, overrides).tree.plain()


def test_mappings_merge(base: Path) -> None:
    recipe = changed(base, "data.loader.count=9", "train.epochs=3")
    assert recipe["data"]["loader"] == {"use": "phantom", "count": 9}
    assert recipe["train"] | {"epochs": 3} == recipe["train"]


def test_lists_replace(base: Path) -> None:
    assert changed(base, "visualize=[]")["visualize"] == []
    assert changed(base, "augment=[{use: erasing}]")["augment"] == [{"use": "erasing"}]


def test_a_number_steps_into_a_list(base: Path) -> None:
    recipe = changed(base, "augment.0.degrees=3", "augment.1={use: erasing, p: 1.0}")
    assert recipe["augment"] == [{"use": "affine", "degrees": 3}, {"use": "erasing", "p": 1.0}]


def test_a_changed_use_drops_the_old_options(base: Path) -> None:
    assert changed(base, "model.backbone={use: resnet18}")["model"]["backbone"] == {
        "use": "resnet18"
    }
    assert changed(base, "model.backbone.use=resnet18")["model"]["backbone"] == {"use": "resnet18"}
    kept = changed(base, "model.backbone={use: vgg16, weights: none}")["model"]["backbone"]
    assert kept == {"use": "vgg16", "width": 0.5, "weights": "none"}


def test_one_form_of_split_replaces_the_others(base: Path) -> None:
    assert changed(base, "data.split={folds: 5, fold: 2}")["data"]["split"] == {
        "folds": 5,
        "fold": 2,
    }
    recipe = changed(base, "data.split.folds=5", "data.split.fold=1")
    assert recipe["data"]["split"] == {"folds": 5, "fold": 1}
    ends = ("data.split.first=400", "data.split.last=96", "data.split.first=300")
    assert changed(base, *ends)["data"]["split"] == {"first": 300, "last": 96}
    assert changed(base, *ends, "data.split={folds: 5}")["data"]["split"] == {"folds": 5}
    assert changed(base, "data.split.inner=0.1")["data"]["split"] == {"val": 0.2, "inner": 0.1}


def test_extends_merges_over_another_file(base: Path, tmp_path: Path) -> None:
    child = tmp_path / "sub" / "child.yaml"
    child.parent.mkdir()
    child.write_text("extends: ../base.yaml\nseed: 2\nmodel:\n  backbone: {use: vgg11}\n")
    recipe = resolve(child, []).tree.plain()
    assert recipe["seed"] == 2
    assert recipe["model"]["backbone"] == {"use": "vgg11"}
    assert recipe["data"]["split"] == {"val": 0.2}
    assert "extends" not in recipe


def test_extends_leaves_the_name_of_the_other_recipe_behind(tmp_path: Path) -> None:
    (tmp_path / "first.yaml").write_text("name: first\nseed: 1\n")
    (tmp_path / "second.yaml").write_text("extends: first.yaml\n")
    (tmp_path / "third.yaml").write_text("extends: second.yaml\nname: mine\n")
    assert "name" not in resolve(tmp_path / "second.yaml", []).tree.plain()
    assert resolve(tmp_path / "third.yaml", []).tree.plain()["name"] == "mine"
    changed = resolve(tmp_path / "second.yaml", ["name=other"])
    assert changed.tree.plain()["name"] == "other"


def test_extends_finds_packaged_recipes(tmp_path: Path) -> None:
    child = tmp_path / "child.yaml"
    child.write_text("extends: vgg16_mse\ntrain: {epochs: 1}\n")
    recipe = resolve(child, []).tree.plain()
    assert recipe["train"]["epochs"] == 1
    assert recipe["model"]["backbone"]["use"] == "vgg16"


def test_circles_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("extends: b.yaml\n")
    (tmp_path / "b.yaml").write_text("extends: a.yaml\n")
    with pytest.raises(UserError, match=r"in circles: a\.yaml -> b\.yaml -> a\.yaml"):
        resolve(tmp_path / "a.yaml", [])


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("epochs", "key.path=value"),
        ("=3", "key.path=value"),
        ("a..b=3", "key.path=value"),
        ("augment.7.p=1", "'7' is no position in a list of 2"),
        ("augment.².p=1", "'²' is no position in a list of 2"),
        (f"augment.{'9' * 5000}.p=1", "is no position in a list of 2"),
        ("augment.first.p=1", "'first' is no position"),
        ("seed=[1", "not valid YAML"),
        ("seed=!!python/none x", "plain values only"),
    ],
)
def test_bad_overrides_are_told(base: Path, override: str, message: str) -> None:
    with pytest.raises(UserError, match="command line") as caught:
        resolve(base, [override])
    assert message in str(caught.value)


def test_an_override_is_named_as_the_place_of_a_mistake(base: Path) -> None:
    tree = resolve(base, ["train.epochs=nine"]).tree
    assert tree.locate(("train", "epochs")) == "command line: train.epochs=nine (train.epochs)"


@pytest.mark.parametrize("text", ["- 1\n", "text\n", "", "extends: [a]\n", "extends: none.yaml\n"])
def test_files_that_are_no_recipe_are_told(tmp_path: Path, text: str) -> None:
    path = tmp_path / "odd.yaml"
    path.write_text(text)
    with pytest.raises(UserError):
        resolve(path, [])


def test_a_chain_of_recipes_has_an_end(tmp_path: Path) -> None:
    for number in range(60):
        (tmp_path / f"{number}.yaml").write_text(f"extends: {number + 1}.yaml\n")
    with pytest.raises(UserError, match="more than 40 recipes extend one another"):
        resolve(tmp_path / "0.yaml", [])


def test_overrides_are_not_nested_without_bound(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"command line: a\.a\.\S+…: nested too deeply"):
        resolve(Path("vgg16_mse"), ["a." * 3000 + "a=1"])


@pytest.mark.parametrize("name", ["x" * 3000, "\0", "loop.yaml", "pipe.yaml", "/dev/zero", "."])
def test_extending_what_is_no_file(tmp_path: Path, name: str) -> None:
    (tmp_path / "loop.yaml").symlink_to(tmp_path / "loop.yaml")
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "a.yaml").write_text(f"extends: {json.dumps(name)}\n")
    with pytest.raises(UserError, match=r"can't be read|is no file but a folder, a pipe"):
        resolve(tmp_path / "a.yaml", [])


def test_a_name_longer_than_any_file_is_told() -> None:
    with pytest.raises(UserError, match="can't be read"):
        resolve(Path("x" * 3000), [])
