"""docs/recipes.md says what the schema says, and its examples do what it says of them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from hdf.recipe import schema, splits
from hdf.recipe.check import check_recipe
from hdf.recipe.load import parse
from hdf.recipe.merge import resolve
from hdf.registry.registry import Registry
from tests.docs.documentation import DOCS, blocks, named_blocks

PAGE = "recipes.md"
TEXT = (DOCS / PAGE).read_text(encoding="utf-8")
# The line that opens each table of keys, and the model that the table describes.
TABLES = {
    "### The top level": schema.Recipe,
    "### data": schema.Data,
    "A random part.": splits.FractionSplit,
    "A fold of a cross-validation.": splits.FoldSplit,
    "Fixed lists:": splits.ListSplit,
    "| `lists` |": splits.Lists,
    "The two ends.": splits.EndsSplit,
    "### model": schema.Model,
    "### train": schema.Train,
    "### train.early_stopping": schema.EarlyStopping,
    "`use: adam` ": schema.Adam,
    "`use: adamw` ": schema.AdamW,
    "`use: sgd`": schema.SGD,
    "`use: constant`": schema.Constant,
    "`use: cosine`": schema.Cosine,
    "`use: one_cycle`": schema.OneCycle,
}
# The parts of a recipe whose defaults show in a recipe that says nothing of them.
SECTIONS: dict[type[BaseModel], str] = {
    schema.Recipe: "",
    schema.Data: "data",
    schema.Model: "model",
    schema.Train: "train",
}
_ROW = re.compile(r"^\| `(\w+)` \| .+ \| (.+) \| .+ \|$")


def table(opening: str) -> dict[str, str]:
    """The keys of the first table below an opening line, with their defaults."""
    lines = TEXT.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(opening))
    head = lines.index("| key | type | default | meaning |", start + 1)
    rows: dict[str, str] = {}
    for line in lines[head + 2 :]:
        if not (found := _ROW.match(line)):
            return rows
        rows[found[1]] = found[2].strip("`")
    return rows


@pytest.mark.parametrize(("opening", "model"), TABLES.items())
def test_every_key_of_the_schema_is_there(opening: str, model: type[BaseModel]) -> None:
    assert list(table(opening)) == [name for name in model.model_fields if name != "use"]


@pytest.mark.parametrize(
    ("opening", "model"), [item for item in TABLES.items() if item[1] not in SECTIONS]
)
def test_the_defaults_are_the_schema_s(opening: str, model: type[BaseModel]) -> None:
    for name, written in table(opening).items():
        field = model.model_fields[name]
        if field.is_required():
            assert written == "required"
        elif field.default is None:
            assert written == "none"
        else:
            default = to_jsonable_python(field.default)
            assert parse(written, "default").plain() == default


@pytest.mark.parametrize(("opening", "model"), [i for i in TABLES.items() if i[1] in SECTIONS])
def test_the_defaults_are_those_of_the_shortest_recipe(
    folder: Path, registry: Registry, opening: str, model: type[BaseModel]
) -> None:
    resolved = check_recipe(resolve(Path("short.yaml"), []), registry).resolved()
    section = resolved[SECTIONS[model]] if SECTIONS[model] else resolved
    for name, written in table(opening).items():
        if written in ("required", "the file's name"):
            continue
        if written == "none":
            assert name not in section
            continue
        told, found = parse(written, "default").plain(), section[name]
        if isinstance(told, dict):
            assert told.items() <= found.items()
        else:
            assert told == found


def test_every_model_of_the_schema_has_a_table() -> None:
    models = {
        item
        for item in (*vars(schema).values(), *vars(splits).values())
        if isinstance(item, type) and issubclass(item, schema.Strict) and item is not schema.Strict
    }
    assert models == set(TABLES.values())


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The page's recipes, in the working directory."""
    for name, text in named_blocks(PAGE).items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("file", "name"), [("short", "short"), ("longer", "lungs"), ("shorter", "shorter")]
)
def test_each_recipe_is_in_order(folder: Path, registry: Registry, file: str, name: str) -> None:
    assert check_recipe(resolve(Path(f"{file}.yaml"), []), registry).recipe.name == name


def test_extending_merges_as_the_page_says(folder: Path, registry: Registry) -> None:
    recipe = check_recipe(resolve(Path("shorter.yaml"), []), registry).recipe
    assert recipe.train.epochs == 10
    assert recipe.train.schedule == schema.Cosine(use="cosine", warmup=0.1)
    assert recipe.visualize == ()
    assert len(recipe.augment) == 2


def test_a_part_of_a_default_can_be_changed(folder: Path, registry: Registry) -> None:
    source = resolve(Path("short.yaml"), ["data.split={inner: 0.1}"])
    split = check_recipe(source, registry).recipe.data.split
    assert split == splits.FractionSplit(val=0.2, inner=0.1)


def overrides() -> list[str]:
    [found] = [block.text for block in blocks(PAGE) if block.text.startswith("train.epochs=5\n")]
    return found.splitlines()


@pytest.mark.parametrize("override", overrides())
def test_each_override_takes_effect(folder: Path, registry: Registry, override: str) -> None:
    checked = check_recipe(resolve(Path("longer.yaml"), [override]), registry)
    path, _, text = override.partition("=")
    before, found = (
        check_recipe(resolve(Path("longer.yaml"), []), registry).resolved(),
        checked.resolved(),
    )
    assert found != before
    value: Any = found
    for key in path.split("."):
        value = value[int(key) if key.isdigit() else key]
    expected = parse(text, "value").plain()
    if isinstance(expected, dict):
        assert expected.items() <= value.items()
    else:
        assert value == expected


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("1e-4", 0.0001),
        ("0123", 123),
        ("0x1F", 31),
        ("0o17", 15),
        ("true", True),
        ("on", "on"),
        ("no", "no"),
        ("12:30:00", "12:30:00"),
        ("2024-01-01", "2024-01-01"),
        ("~", None),
        ("", None),
    ],
)
def test_yaml_means_what_the_page_says(written: str, value: object) -> None:
    found = parse(f"key: {written}", "test").plain()["key"]
    assert found == value
    assert type(found) is type(value)
    assert not written or f"`{written}`" in TEXT
