"""The plugins printed in docs/plugins.md are cut out of it, and used."""

from __future__ import annotations

import inspect
import json
import pkgutil
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from hdf import hookspecs, testing
from hdf.cli.main import hdf as group
from hdf.errors import UserError
from hdf.recipe.check import check_recipe
from hdf.recipe.merge import resolve
from hdf.registry.kinds import EXTENSION_POINTS, Kind
from hdf.registry.options import RESERVED
from hdf.registry.registry import Registry, discover
from tests.docs.documentation import DOCS, PLUGINS, Finished, blocks, named_blocks, section

PAGE = "plugins.md"
HOOKS = sorted(name for name in vars(hookspecs) if name.startswith("hdf_"))


def plugins_folder(folder: Path, *names: str) -> Path:
    files = named_blocks(PAGE)
    for name in names:
        (folder / name).write_text(files[name], encoding="utf-8")
    return folder


def listed(folder: Path, *arguments: str) -> list[dict[str, Any]]:
    """What ``hdf list-plugins --json`` says of the plugins of a folder."""
    command = ["list-plugins", "--plugins-dir", str(folder), "--json", *arguments]
    result = CliRunner().invoke(group, command, catch_exceptions=False)
    rows: list[dict[str, Any]] = json.loads(result.stdout)
    files = {path.name for path in folder.iterdir()}
    return [row for row in rows if row["distribution"] in files]


def test_the_run_beats_the_constant_box(tutorial: Finished) -> None:
    summary = json.loads((tutorial.folder / "summary.json").read_text())
    scores = summary["metrics"]["val"]
    assert scores["iou_mean"] > scores["constant_box_iou"] + 0.1
    assert scores["iou_mean"] > 0.6


def test_the_run_used_every_plugin(tutorial: Finished) -> None:
    recipe = yaml.safe_load((tutorial.folder / "resolved.yaml").read_text())
    assert recipe["data"]["loader"]["use"] == "yolo_folder"
    assert [item["use"] for item in recipe["augment"]] == ["invert"]
    assert recipe["model"]["backbone"]["use"] == "tinyconv"
    assert recipe["model"]["head"]["use"] == "direct_box"
    picture = tutorial.folder / "figures" / "iou_histogram.png"
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_the_tracker_saw_every_event(tutorial: Finished) -> None:
    lines = [json.loads(line) for line in tutorial.tracked.read_text().splitlines()]
    summary = json.loads((tutorial.folder / "summary.json").read_text())
    assert [line["event"] for line in lines] == ["started", *["epoch"] * 12, "finished"]
    assert [line["epoch"] for line in lines[1:-1]] == list(range(1, 13))
    assert lines[-1]["iou_mean"] == summary["metrics"]["val"]["iou_mean"]


@pytest.mark.parametrize("name", PLUGINS)
def test_each_plugin_stands_alone(tmp_path: Path, name: str) -> None:
    rows = listed(plugins_folder(tmp_path, name))
    assert [row["status"] for row in rows] == ["loaded"] * (name != "tracker.py")


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_is_described_and_implemented_by_a_plugin_that_runs(hook: str) -> None:
    page = (DOCS / PAGE).read_text(encoding="utf-8")
    parameters = ", ".join(inspect.signature(getattr(hookspecs, hook)).parameters)
    assert f"| `{hook}({parameters})` |" in page
    files = named_blocks(PAGE)
    assert any(f"@hdf.hookimpl\ndef {hook}(" in files[name] for name in PLUGINS)


def test_the_shortest_plugin_shows_the_options_of_its_target(tmp_path: Path) -> None:
    [row] = listed(plugins_folder(tmp_path, "clahe.py"), "clahe")
    assert row["status"] == "loaded"
    assert "clip_limit" in [option["name"] for option in row["options"]]


def test_the_shortest_plugin_fits_the_packaged_recipe(tmp_path: Path) -> None:
    registry = discover(plugins_folder(tmp_path, "clahe.py"))
    [override] = re.findall(r'"(augment=.*clahe.*)"', (DOCS / PAGE).read_text(encoding="utf-8"))
    checked = check_recipe(resolve(Path("vgg16_mse"), [override]), registry)
    assert [part.component.name for part in checked.list_of("augment")] == ["clahe"]


def test_the_package_is_found_by_its_entry_point_without_torch(tmp_path: Path) -> None:
    """The package is laid out as pip leaves it; building it for real is another test's work."""
    files = named_blocks(PAGE)
    project = tomllib.loads(files["pyproject.toml"])["project"]
    package = tmp_path / "hdf_tinyconv"
    package.mkdir()
    (package / "__init__.py").write_text(files["hdf_tinyconv/__init__.py"])
    (package / "model.py").write_text(files["tinyconv.py"])
    about = tmp_path / f"hdf_tinyconv-{project['version']}.dist-info"
    about.mkdir()
    head = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    (about / "METADATA").write_text(head)
    entries = [f"{key} = {value}" for key, value in project["entry-points"]["hdf"].items()]
    (about / "entry_points.txt").write_text("\n".join(["[hdf]", *entries, ""]))
    script = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from hdf.registry.registry import discover\n"
        "found = discover().find('backbone', 'tinyconv')\n"
        "assert 'torch' not in sys.modules\n"
        "print(found.provider, found.status, found.load().__name__)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=120
    )
    assert done.stdout == "hdf-tinyconv 0.1.0 registered TinyConv\n", done.stderr


CHECKS = ("loader", "augmentations", "backbone", "head", "visualizer")


@pytest.fixture
def contracts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The page's tests, beside the page's plugins."""
    monkeypatch.syspath_prepend(str(plugins_folder(tmp_path, *PLUGINS)))
    module = ModuleType("docs_check")
    exec(compile(named_blocks(PAGE)["test_contracts.py"], PAGE, "exec"), vars(module))
    yield module
    for name in PLUGINS:
        sys.modules.pop(name.removesuffix(".py"), None)


@pytest.mark.parametrize("kind", CHECKS)
def test_the_plugins_keep_their_contracts(
    contracts: ModuleType, kind: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = [tmp_path_factory.mktemp("images")] if kind == "loader" else []
    getattr(contracts, f"test_{kind}")(*folder)


@pytest.mark.parametrize("point", EXTENSION_POINTS, ids=lambda point: point.name)
def test_every_extension_point_has_its_section(point: Kind) -> None:
    page, _, anchor = point.page.partition("#")
    titles = re.findall(r"^## (.*)$", (DOCS / page).read_text(encoding="utf-8"), re.MULTILINE)
    assert anchor in [title.lower().replace(":", "").replace(" ", "-") for title in titles]


def test_every_name_on_the_way_to_a_model_is_there() -> None:
    page = (DOCS / "from-plugin-to-model.md").read_text(encoding="utf-8")
    names = set(re.findall(r"`(hdf\.[\w.]+)`", page)) - {"hdf.hookimpl"}
    assert len(names) > 20
    assert [name for name in names if pkgutil.resolve_name(name) is None] == []


def test_every_check_is_called_and_described() -> None:
    checks = {name for name in testing.__all__ if name.startswith("check_")}
    assert checks == set(re.findall(r"    (check_\w+)\(", named_blocks(PAGE)["test_contracts.py"]))
    described = (DOCS / PAGE).read_text(encoding="utf-8")
    assert checks == set(re.findall(r"^\| `(check_\w+)` \|", described, re.MULTILINE))


def test_a_value_error_of_a_constructor_reads_as_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(plugins_folder(tmp_path, *PLUGINS))
    lines = named_blocks(PAGE)["ellipses.yaml"].replace("p: 0.1", "p: 2.0")
    error = raised_by_preparing(lines, discover(tmp_path))
    [printed] = [b.text for b in blocks(PAGE) if "p is a share" in b.text and not b.name]
    told = re.sub(r"recipe\.yaml:\d+", "recipe.yaml", f"error: {error}")
    assert told == re.sub(r"recipe\.yaml:\d+", "recipe.yaml", printed.strip())


def raised_by_preparing(recipe: str, registry: Registry) -> UserError:
    from rich.console import Console

    from hdf.console.progress import Reporter
    from hdf.runs.run_folder import RunFolder
    from hdf.training.prepare import prepare

    Path("recipe.yaml").write_text(recipe)
    checked = check_recipe(resolve(Path("recipe.yaml"), []), registry)
    with pytest.raises(UserError) as caught:
        prepare(checked, registry, RunFolder(Path("out")), Reporter(Console(quiet=True)))
    return caught.value


def test_the_reserved_names_are_all_explained() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", section(PAGE, "## Options"), re.MULTILINE)
    assert set(rows) == RESERVED
