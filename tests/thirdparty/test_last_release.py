"""Plugins as the last release wrote and documented them go on working, or say what to change."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from hdf import testing, types
from hdf.registry.kinds import COMPONENTS
from hdf.tools.new_plugin import _write_example
from hdf.types.contract import FORMER
from tests.conftest import Hdf, read_jsonl

PLUGIN = "from tests.thirdparty.last_release import *"
RECIPE = """\
name: old
data:
  loader: {use: old_loader, folder: example}
  image_size: [64, 64]
augment: [{use: old_augmentation, p: 0.5}]
model:
  backbone: {use: old_backbone, width: 8}
  head: {use: old_head, pool: 4}
train: {epochs: 1, batch_size: 8, precision: float32}
visualize: [{use: old_visualizer}]
"""


def test_a_run_of_nothing_but_old_plugins(hdf: Hdf, tmp_path: Path) -> None:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "old.py").write_text(PLUGIN)
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    _write_example(tmp_path / "example")
    with pytest.warns(DeprecationWarning, match="no longer given to hooks") as told:
        shown = hdf("run", "recipe.yaml", "--plugins-dir", "plugins", "--out", "out")
    assert shown.returncode == 0, shown.stderr
    assert "failed" not in shown.stderr
    assert (tmp_path / "out" / "figures" / "old_visualizer.png").is_file()
    started, epoch, finished = read_jsonl(tmp_path / "experiments.jsonl")
    assert started["options"]["model"]["backbone"] == {"use": "old_backbone", "width": 8}
    assert (epoch["epoch"], finished["images"]) == (1, [24, 19, False, "float32"])
    messages = {str(item.message) for item in told if item.filename.endswith("__init__.py")}
    assert {message.split()[0] for message in messages} >= {"run.checked", "run.store"}
    assert any("use run.resolved" in message for message in messages)


@pytest.mark.parametrize("kind", COMPONENTS, ids=lambda kind: kind.name)
def test_an_old_component_keeps_today_s_contract(kind, tmp_path: Path) -> None:
    module = importlib.import_module(f"tests.thirdparty.last_release.{kind.name}")
    name = f"Old{kind.name.title()}{kind.name.title()}"
    made = {
        "loader": {"folder": tmp_path},
        "head": {"channels": (4, 8, 8), "labels": ("heart", "left_lung")},
    }
    if kind.name == "loader":
        _write_example(tmp_path / "images")
        made["loader"]["folder"] = tmp_path / "images"
    getattr(testing, kind.check)(getattr(module, name)(**made.get(kind.name, {})))


def test_a_name_that_hooks_were_never_given_is_no_attribute() -> None:
    facts = types.RunFacts("a", None, None, {}, (), "cpu", "float32", 1, 2, 1, None, "engine")
    with pytest.raises(AttributeError, match="'RunFacts' object has no attribute 'folders'"):
        _ = facts.folders
    assert not set(FORMER) & set(vars(facts))
    assert "engine'" not in repr(facts)
