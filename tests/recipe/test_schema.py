"""The JSON Schema accepts what hdf accepts, and refuses what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator

from hdf.cli.main import hdf
from hdf.cli.recipes import SCHEMA
from hdf.errors import UserError
from hdf.recipe.check import check_recipe
from hdf.recipe.json_schema import recipe_schema
from hdf.recipe.load import packaged_recipes, parse
from hdf.recipe.merge import resolve
from hdf.registry.kinds import KINDS
from hdf.registry.registry import Registry, discover

GOOD = """
data:
  loader: {use: phantom, count: 20}
  split: {folds: 3, fold: 1, inner: 0.2}
augment: [{use: gamma, gamma: [0.8, 1.2]}]
model: {backbone: {use: vgg11, width: 0.5}, head: {use: box_regression, hidden: [8]}}
train: {optimizer: {use: sgd, nesterov: true}, schedule: {use: cosine, final: 0.1}}
visualize: [{use: overlay, count: 2}]
"""

ACCEPTED = {
    "everything": GOOD,
    "parts of the defaults": "data: {loader: {use: phantom}}\nmodel: {backbone: {width: 0.5}}\n",
    "loaders inside": "data: {loader: {use: concat, sources: {a: {use: phantom, count: 3}}}}\n",
    "nothing but a loader": "data: {loader: {use: phantom}}\n",
    "a clip that is none": "data: {loader: {use: phantom}}\ntrain: {clip_norm: null}\n",
}

BROKEN = {
    "an unknown section": GOOD + "training: {}\n",
    "an unknown key": GOOD.replace("split:", "splits:"),
    "a component that nobody registered": GOOD.replace("vgg11", "vgg12"),
    "a component of another kind": GOOD.replace("use: vgg11, width: 0.5", "use: gamma"),
    "an option of another component": GOOD.replace("width: 0.5", "hidden: [8]"),
    "a text for a number": GOOD.replace("count: 20", 'count: "20"'),
    "a truth for a number": GOOD.replace("count: 20", "count: true"),
    "too few of a pair": GOOD.replace("[0.8, 1.2]", "[0.8]"),
    "a fraction beyond one": GOOD.replace("inner: 0.2", "inner: 1.2"),
    "two forms of split": GOOD.replace("inner: 0.2", "val: 0.2"),
    "another optimiser's option": GOOD.replace("use: sgd", "use: adam"),
    "a schedule that there is not": GOOD.replace("cosine", "linear"),
    "an augmentation without use": GOOD.replace("use: gamma, ", ""),
    "a list for a mapping": GOOD.replace("{use: overlay, count: 2}", "overlay"),
    "labels twice": GOOD.replace("split:", "labels: [heart, heart]\n  split:"),
    "a required option": GOOD.replace("use: phantom, count: 20", "use: csv_boxes, images: here"),
    "an inner loader's option": (
        "data: {loader: {use: concat, sources: {a: {use: phantom, cuont: 3}}}}\n"
    ),
    "an image too small": GOOD.replace("split:", "image_size: [8, 8]\n  split:"),
    "a device of no kind": GOOD.replace("train: {", "train: {device: gpu, "),
}


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    schema, left_out = recipe_schema(discover())
    assert not left_out
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def plain(text: str) -> Any:
    return parse(text, "recipe").plain()


@pytest.mark.parametrize("recipe", packaged_recipes(), ids=lambda path: path.stem)
def test_packaged_recipes(validator: Draft202012Validator, recipe: Path) -> None:
    validator.validate(plain(recipe.read_text(encoding="utf-8")))
    first, _, third = recipe.read_text(encoding="utf-8").splitlines()[:3]
    assert first.startswith("# hdf ")
    assert third == f"# yaml-language-server: $schema={SCHEMA}"


def accepts(text: str, folder: Path, registry: Registry) -> bool:
    """Whether hdf itself accepts a recipe."""
    path = folder / "recipe.yaml"
    path.write_text(text)
    try:
        check_recipe(resolve(path, []), registry)
    except UserError:
        return False
    return True


@pytest.mark.parametrize("name", [*ACCEPTED, *BROKEN])
def test_hdf_agrees(
    validator: Draft202012Validator, name: str, tmp_path: Path, registry: Registry
) -> None:
    text = {**ACCEPTED, **BROKEN}[name]
    assert accepts(text, tmp_path, registry) is (name in ACCEPTED)
    assert validator.is_valid(plain(text)) is (name in ACCEPTED)


def test_what_another_layer_may_supply_is_not_asked_for(validator: Draft202012Validator) -> None:
    text = "extends: vgg16_mse\ndata: {loader: {count: 3}}\nmodel: {backbone: {use: timm, name: a}}"
    validator.validate(plain(text))
    assert not validator.is_valid(plain(text.replace(", name: a", "")))


def test_every_key_and_option_is_described(validator: Draft202012Validator) -> None:
    schema = validator.schema
    silent = [
        f"{name}.{key}"
        for name, form in {"": schema, **schema["$defs"]}.items()
        for key, value in form.get("properties", {}).items()
        if not value.get("description") and key != "use"
    ]
    assert not silent


def test_every_component_is_in_it(validator: Draft202012Validator, registry: Registry) -> None:
    for kind in KINDS:
        names = [component.name for component in registry.of_kind(kind)]
        assert validator.schema["$defs"][kind]["properties"]["use"]["enum"] == names


PLUGINS = {
    "good.py": """
import hdf
from dataclasses import dataclass

@dataclass
class Range:
    low: float

class Odd:
    \"\"\"Odd.

    Args:
        within: a range.
    \"\"\"
    def __init__(self, *, within: Range, limit: int | None = None) -> None: ...

@hdf.hookimpl
def hdf_visualizers(register):
    register("odd", Odd, summary="Odd")
""",
    "broken.py": "import nowhere\n",
    "half.py": """
import hdf

@hdf.hookimpl
def hdf_heads(register):
    register("gone", "nowhere:Gone", summary="Gone")
    register("untyped", lambda channels, size: None, summary="Untyped")
""",
}


def test_plugins_of_a_folder_and_what_is_left_out(tmp_path: Path) -> None:
    for name, text in PLUGINS.items():
        (tmp_path / name).write_text(text)
    result = CliRunner().invoke(hdf, ["schema", "--plugins-dir", str(tmp_path)])
    assert result.exit_code == 0
    for reason in (
        "left out: plugin broken: ModuleNotFoundError: No module named 'nowhere'",
        "left out: head 'gone' of half.py: ",
        "left out: head 'untyped' of half.py: 'size' has no type hint",
    ):
        assert reason in result.stderr
    found = Draft202012Validator(json.loads(result.stdout))
    good = "data: {loader: {use: phantom}}\nvisualize: [{use: odd, within: {low: 0.5}}]\n"
    found.validate(plain(good))
    assert not found.is_valid(plain(good.replace("low", "high")))


def test_out_replaces_its_own_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        done = CliRunner().invoke(hdf, ["schema", "--out", SCHEMA], catch_exceptions=False)
        assert done.stdout == f"{SCHEMA}\n"
    (tmp_path / SCHEMA).write_text('{"title": "mine"}')
    with pytest.raises(UserError, match="is no recipe's schema"):
        hdf.main(["schema", "--out", SCHEMA], standalone_mode=False)
    assert "mine" in (tmp_path / SCHEMA).read_text()


def test_a_copied_recipe_says_how_to_get_its_schema(tmp_path: Path) -> None:
    arguments = ["recipes", "vgg16_mse", "--to", str(tmp_path), "--overwrite"]
    told = CliRunner().invoke(hdf, arguments).stderr
    assert told.endswith(f"hdf schema --out {tmp_path / SCHEMA}\n")
    (tmp_path / SCHEMA).write_text("{}")
    assert CliRunner().invoke(hdf, arguments).stderr == ""
