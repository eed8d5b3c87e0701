"""All of a recipe's mistakes at once, each with its place, what was expected and a close name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from pydantic import BaseModel

from hdf.errors import UserError
from hdf.models.build import build
from hdf.recipe.check import CheckedRecipe, check_recipe
from hdf.recipe.load import packaged_recipes
from hdf.recipe.merge import resolve
from hdf.recipe.schema import Recipe
from hdf.registry.registry import Registry, discover

GOOD = """\
data:
  loader: {use: phantom, count: 5}
train: {epochs: 1}
"""


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "good.yaml"
    path.write_text(GOOD)
    return path


def problems(path: Path, registry: Registry, *overrides: str) -> list[str]:
    with pytest.raises(UserError) as caught:
        check_recipe(resolve(path, list(overrides)), registry)
    return [str(problem) for problem in caught.value.problems]


def test_the_smallest_recipe_gets_all_defaults(good: Path, registry: Registry) -> None:
    checked = check_recipe(resolve(good, []), registry)
    assert checked.recipe.name == "good"
    assert checked.parts["model", "backbone"].component.name == "vgg16"
    assert checked.resolved()["model"]["head"]["use"] == "box_regression"
    assert checked.resolved()["data"]["loader"]["size"] == [224, 224]


@pytest.mark.parametrize("path", packaged_recipes(), ids=lambda path: path.stem)
def test_packaged_recipes_are_in_order(path: Path, registry: Registry) -> None:
    first, second, *_ = path.read_text().splitlines()
    commands = (f"# hdf run recipes/{path.name}", f"# hdf crossval recipes/{path.name}")
    assert first.startswith(commands)
    assert second.startswith("# ")
    assert check_recipe(resolve(path, []), registry).recipe.name == path.stem


def test_a_resolved_recipe_resolves_to_itself(
    good: Path, registry: Registry, tmp_path: Path
) -> None:
    def resolved(checked: CheckedRecipe) -> str:
        return checked.resolved_yaml()

    first = resolved(check_recipe(resolve(good, ["data.split={folds: 5, fold: 2}"]), registry))
    again = tmp_path / "resolved.yaml"
    again.write_text(first)
    assert resolved(check_recipe(resolve(again, []), registry)) == first
    assert yaml.safe_load(first)["train"]["optimizer"]["lr"] == 0.0001


def test_names_that_look_like_numbers_stay_names(
    good: Path, registry: Registry, tmp_path: Path
) -> None:
    changes = ["name='0918'", "data.labels=['08', '1e5', 'on']"]
    again = tmp_path / "resolved.yaml"
    again.write_text(check_recipe(resolve(good, changes), registry).resolved_yaml())
    recipe = check_recipe(resolve(again, []), registry).recipe
    assert (recipe.name, recipe.data.labels) == ("0918", ("08", "1e5", "on"))


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("trian.epochs=1", "unknown key 'trian'; did you mean 'train'?"),
        ("train.epoch=1", "unknown key 'epoch'; did you mean 'epochs'?"),
        ("train.epochs=1.5", "(train.epochs): expected integer, not 1.5"),
        ("train.epochs=true", "(train.epochs): expected integer, not true"),
        ("train.epochs='3'", "(train.epochs): expected integer, not the text '3'"),
        ("train.epochs=0", "expected greater than 0, not 0"),
        ("train.precision=float16", "'auto', 'float32' or 'bfloat16'"),
        ("train.optimizer={use: adm}", "no optimizer is called 'adm'; did you mean 'adam'?"),
        ("train.optimizer={use: sgd, nesterov: true, momentum: 0.0}", "nesterov needs a momentum"),
        ("train.optimizer={use: sgd, momentun: 1}", "'momentun'; did you mean 'momentum'?"),
        ("train.optimizer={use: adam, momentum: 0.9}", "unknown key 'momentum'; there are: betas"),
        ("train.ema=1.0", "(train.ema): expected less than 1, not 1.0"),
        ("train.layer_decay=1.5", "(train.layer_decay): expected less than or equal to 1"),
        ("train.clip_norm=0", "(train.clip_norm): expected greater than 0, not 0"),
        ("train.early_stopping={patient: 3}", "'patient'; did you mean 'patience'?"),
        ("train.early_stopping={metric: iou_mean}", "'inner_iou_mean' or 'inner_loss'"),
        ("train.early_stopping={patience: 3}", "(train.early_stopping): needs training patients"),
        ("train.optimizer.lr=-1", "(train.optimizer.lr): expected greater than 0, not -1"),
        (
            "train.schedule=cosine",
            "(train.schedule): expected a mapping, not the text 'cosine'; try",
        ),
        ("train.schedule={use: [1]}", "expected 'use' to be one of constant, cosine, one_cycle"),
        ("data.labels=[]", "(data.labels)"),
        ("data.labels=[heart, heart]", "labels are repeated: heart, heart"),
        ("data.image_size=[112]", "(data.image_size"),
        ("data.image_size=[8, 8]", "greater than or equal to 16"),
        ("data.split={folds: 5, fold: 5}", "fold 5 of 5; folds are counted from 0"),
        ("data.split={folds: 5, val: 0.2}", "'val' does not go with 'folds'"),
        ("data.split={val: 1.0}", "(data.split.val): expected less than 1"),
        ("data.split={lists: {train: a}}", "'val' is missing"),
        ("data.split={vla: 0.2}", "unknown key 'vla'; did you mean 'val'?"),
        ("data.split=5", "expected a mapping, not 5; try {folds: 5}"),
        ("data.split=0.3", "expected a mapping, not 0.3; try {val: 0.3}"),
        ("data.split=x", "expected a mapping, not the text 'x'; try {val: 0.2}"),
        ("data.split=", "expected a mapping, not nothing; try {val: 0.2}"),
        ("data.split=[1]", "expected a mapping, not [1]; try {val: 0.2}"),
        (
            "data.loader=phantom",
            "(data.loader): expected a mapping, not the text 'phantom'; try {u",
        ),
        ("visualize=[{count: 3}]", "(visualize.0): 'use' is missing"),
        ("data.loader={use: phantm}", "no loader is called 'phantm'; did you mean 'phantom'?"),
        ("data.loader.cuont=3", "unknown key 'cuont'; did you mean 'count'?"),
        ("data.loader.count=many", "(data.loader.count): expected integer, not the text 'many'"),
        ("data.loader.labels=[heart]", "unknown key 'labels'"),
        ("data.loader={use: csv_boxes}", "(data.loader"),
        ("augment={use: affine}", "(augment)"),
        ("augment=[affine]", "(augment.0)"),
        ("augment=[{use: affine, degrees: ten}]", "(augment.0.degrees): expected number"),
        ("name=../elsewhere", "(name)"),
        ("seed=-1", "(seed): expected greater than or equal to 0, not -1"),
        ("train.device=tpu", "(train.device)"),
    ],
)
def test_a_mistake_is_placed_and_explained(
    good: Path, registry: Registry, override: str, message: str
) -> None:
    found = problems(good, registry, override)
    assert any(message in problem for problem in found), found
    assert all(problem.startswith("command line: ") for problem in found)


@pytest.mark.parametrize(
    ("text", "override", "place"),
    [
        ("train: {epochs: 1}", "data.labels=[heart]", "1 (data): 'loader' is missing"),
        ("data:\n  loader: {use: timm}\n", "train.epochs=3", "2 (data.loader.use)"),
        (
            "data: {loader: {use: phantom}}\ntrain:\n  early_stopping: {}\n",
            "train.ema=0.9",
            "3 (train.early_stopping): needs",
        ),
        (f"{GOOD}augment: [{{use: gama}}]\n", "augment.0.p=1.0", "4 (augment.0.use): no augm"),
        (f"{GOOD}deterministc: true\n", "seed=3", "4 (deterministc): unknown key"),
        (
            "data: {loader: {use: phantom}, split: {folds: 2, fold: 2}}",
            "data.split.inner=0.1",
            "1 (data.split.fold): fold 2 of 2",
        ),
    ],
)
def test_an_override_is_not_blamed_for_what_it_does_not_give(
    tmp_path: Path, registry: Registry, text: str, override: str, place: str
) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    (problem,) = problems(path, registry, override)
    assert problem.startswith(f"{path}:{place}")


def test_a_key_that_no_one_gives_has_the_place_of_the_recipe(
    good: Path, registry: Registry
) -> None:
    checked = check_recipe(resolve(good, ["train.ema=0.9", "seed=3"]), registry)
    assert checked.where("train", "batch_size") == f"{good}:3 (train)"
    assert checked.where("deterministic") == f"{good}:1"
    assert checked.where("train", "ema") == "command line: train.ema=0.9 (train.ema)"


def keys(model: type[BaseModel], above: str = "") -> Iterator[str]:
    """All keys of a recipe, below every form that a section may take."""
    for name, field in model.model_fields.items():
        yield f"{above}{name}"
        for inner in models(field.annotation):
            yield from keys(inner, f"{above}{name}.")


def models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from models(argument)


VALUES = ["5", "1.5", "x", "", "true", ".nan", "[]", "[1]", "[{}]", "{}", "{a: 1}", "{use: [1]}"]


@pytest.mark.parametrize("key", sorted(set(keys(Recipe))))
def test_a_key_takes_any_value_or_says_where_it_does_not(
    good: Path, registry: Registry, key: str
) -> None:
    for override in (f"{key}={value}" for value in VALUES):
        try:
            check_recipe(resolve(good, [override]), registry)
        except UserError as error:
            for problem in error.problems:
                assert problem.where.startswith(f"command line: {override}")
                assert problem.message


def test_all_mistakes_are_told_at_once(tmp_path: Path, registry: Registry) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(
        "sed: 1\n"
        "data:\n"
        "  loader: {use: phantom, cout: 3}\n"
        "  image_size: big\n"
        "augment:\n"
        "  - {use: afine}\n"
        "  - {use: gamma, p: x}\n"
        "train: {epochs: none}\n"
    )
    lines = [problem.removeprefix(f"{path}:").split(" ")[0] for problem in problems(path, registry)]
    assert sorted(lines) == ["1", "3", "4", "6", "7", "8"]


NESTED = """\
data:
  loader:
    use: concat
    sources:
      one: {use: phantom, count: 5}
      two:
        use: concat
        sources:
          three: {use: phantom, seed: 3}
"""


@pytest.fixture
def nested(tmp_path: Path) -> Path:
    path = tmp_path / "nested.yaml"
    path.write_text(NESTED)
    return path


def test_components_inside_components_get_their_defaults(nested: Path, registry: Registry) -> None:
    checked = check_recipe(resolve(nested, ["data.loader.sources.one.count=7"]), registry)
    sources = checked.resolved()["data"]["loader"]["sources"]
    phantom = {"use": "phantom", "count": 300, "seed": 0, "size": [224, 224]}
    assert sources["one"] == {**phantom, "count": 7}
    assert sources["two"]["sources"]["three"] == {**phantom, "seed": 3}
    again = nested.with_name("again.yaml")
    again.write_text(checked.resolved_yaml())
    assert check_recipe(resolve(again, []), registry).resolved() == {
        **checked.resolved(),
        "name": "nested",
    }


def test_components_inside_components_are_built(nested: Path, registry: Registry) -> None:
    checked = check_recipe(resolve(nested, ["data.loader.sources.two.use=concat"]), registry)
    samples = build(checked.parts["data", "loader"], labels=("heart",)).records()
    assert len(samples) == 305
    assert samples[5].id == "two/three/phantom-3-00000"


def test_mistakes_inside_components_are_told_at_once(tmp_path: Path, registry: Registry) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(
        "data:\n"
        "  loader:\n"
        "    use: concat\n"
        "    sorces: 1\n"
        "    sources:\n"
        "      a: {use: phantom, cuont: 30}\n"
        "      b: {use: phantm}\n"
        "      c:\n"
        "        use: csv_boxes\n"
        "        images: 3\n"
        "      d: {use: concat, sources: {e: {use: phantom, count: x}, f: {}}}\n"
        "      e: 7\n"
    )
    found = sorted(problem.removeprefix(f"{path}:") for problem in problems(path, registry))
    assert found == sorted(
        [
            "4 (data.loader.sorces): unknown key 'sorces'; did you mean 'sources'?",
            "6 (data.loader.sources.a.cuont): unknown key 'cuont'; did you mean 'count'?",
            "7 (data.loader.sources.b.use): no loader is called 'phantm'; did you mean 'phantom'?",
            "8 (data.loader.sources.c): 'table' is missing",
            "10 (data.loader.sources.c.images): expected string, not 3",
            "11 (data.loader.sources.d.sources.e.count): expected integer, not the text 'x'",
            "11 (data.loader.sources.d.sources.f): 'use' is missing",
            "12 (data.loader.sources.e): expected a mapping, not 7",
        ]
    )


def test_inner_components_that_refuse_their_options_are_told_together(
    nested: Path, registry: Registry
) -> None:
    changes = ["data.loader.sources.one.count=0", "data.loader.sources.two.sources.three.seed=-1"]
    checked = check_recipe(resolve(nested, changes), registry)
    with pytest.raises(UserError) as caught:
        build(checked.parts["data", "loader"], labels=("heart",))
    first, second = map(str, caught.value.problems)
    assert first.startswith(f"{nested}:5 (data.loader.sources.one.use): phantom: ")
    assert second.startswith(f"{nested}:9 (data.loader.sources.two.sources.three.use): phantom: ")


def test_one_loader_inside_another(good: Path, tmp_path: Path) -> None:
    folder = tmp_path / "plugins"
    folder.mkdir()
    (folder / "first.py").write_text(
        "import hdf\n"
        "from hdf.types import Loader\n"
        "class First:\n"
        "    def __init__(self, *, source: Loader, count: int = 1, labels: tuple[str, ...]):\n"
        "        self.source, self.count = source, count\n"
        "    def records(self):\n"
        "        return self.source.records()[:self.count]\n"
        "@hdf.hookimpl\ndef hdf_loaders(register): register('first', First)\n"
    )
    registry = discover(folder)
    override = "data.loader={use: first, source: {use: phantom, count: 4}, count: 2}"
    checked = check_recipe(resolve(good, [override]), registry)
    resolved = checked.resolved()["data"]["loader"]
    assert resolved["source"] == {"use": "phantom", "count": 4, "seed": 0, "size": [224, 224]}
    assert len(build(checked.parts["data", "loader"], labels=("heart",)).records()) == 2
    (found,) = problems(good, registry, "data.loader={use: first}")
    assert "(data.loader): 'source' is missing" in found


def test_an_inner_component_that_lists_nothing_is_told(nested: Path, tmp_path: Path) -> None:
    folder = tmp_path / "plugins"
    folder.mkdir()
    (folder / "blank.py").write_text(
        "import hdf\n"
        "def blank(): return 3\n"
        "@hdf.hookimpl\ndef hdf_loaders(register): register('blank', blank)\n"
    )
    source = resolve(nested, ["data.loader.sources.one={use: blank}"])
    checked = check_recipe(source, discover(folder))
    with pytest.raises(UserError, match=r"loader 'blank' of .* lacks records"):
        build(checked.parts["data", "loader"])


def test_a_default_component_can_be_changed_without_naming_it(
    good: Path, registry: Registry
) -> None:
    overrides = ["train.optimizer.lr=0.5", "model.head.hidden=[7]", "train.schedule.warmup=0.1"]
    checked = check_recipe(resolve(good, overrides), registry)
    assert checked.recipe.train.optimizer.lr == 0.5
    assert checked.recipe.train.schedule.warmup == 0.1
    assert checked.parts["model", "head"].values == {"hidden": (7,)}


def test_a_missing_section_is_told(tmp_path: Path, registry: Registry) -> None:
    path = tmp_path / "empty.yaml"
    path.write_text("seed: 1\n")
    assert problems(path, registry) == [f"{path}:1 (data): 'loader' is missing"]


def test_a_component_that_cannot_be_checked_is_told(good: Path, tmp_path: Path) -> None:
    folder = tmp_path / "plugins"
    folder.mkdir()
    (folder / "loose.py").write_text(
        "import hdf\n"
        "def loose(**options): ...\n"
        "@hdf.hookimpl\ndef hdf_heads(register): register('loose', loose)\n"
    )
    (found,) = problems(good, discover(folder), "model.head={use: loose}")
    assert "head 'loose'" in found
    assert "name every option as a parameter" in found


def test_any_file_name_gives_a_name(tmp_path: Path, registry: Registry) -> None:
    path = tmp_path / "my first recipe!.yaml"
    path.write_text(GOOD)
    assert check_recipe(resolve(path, []), registry).recipe.name == "my_first_recipe_"


def test_a_plugin_that_failed_is_shown_where_a_name_is_missing(good: Path, tmp_path: Path) -> None:
    folder = tmp_path / "plugins"
    folder.mkdir()
    (folder / "late.py").write_text("import nonexistent_package\n")
    with pytest.raises(UserError, match="no head is called 'late'") as caught:
        check_recipe(resolve(good, ["model.head={use: late}"]), discover(folder))
    assert "ModuleNotFoundError" in caught.value.traceback


def test_lists_have_an_end(tmp_path: Path, registry: Registry) -> None:
    path = tmp_path / "long.yaml"
    items = ", ".join(["{use: gamma}"] * 101)
    path.write_text(f"data: {{loader: {{use: phantom}}}}\naugment: [{items}]\n")
    with pytest.raises(UserError, match=r"yaml:2 \(augment\): expected at most 100 items, not 101"):
        check_recipe(resolve(path, []), registry)
