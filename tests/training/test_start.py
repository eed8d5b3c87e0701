"""Starting from another model: what is taken, what is left, and what the buffers mean."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
import torch
from rich.console import Console

from hdf.console.progress import Reporter
from hdf.errors import UserError
from hdf.models.build import build_model
from hdf.models.detector import Detector
from hdf.models.file import load_model
from hdf.recipe.check import check_recipe
from hdf.recipe.merge import resolve
from hdf.registry.registry import Registry, discover
from hdf.training.start import find_start
from tests.conftest import TINY_RECIPE
from tests.training.test_run import run

HEAD = {"head.layers.0.weight", "head.layers.0.bias", "head.mean", "head.spread"}


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run."""
    folder = tmp_path_factory.mktemp("pretrained")
    (folder / "tiny.yaml").write_text(TINY_RECIPE)
    run(folder / "tiny.yaml", folder / "run", "seed=5", "data.loader.seed=9", "train.epochs=1")
    return folder / "run"


def fresh(recipe: Path, *overrides: str) -> Detector:
    detector = build_model(check_recipe(resolve(recipe, list(overrides)), discover()))
    mean = getattr(detector.head, "mean", None)
    if isinstance(mean, torch.Tensor):
        mean.fill_(0.123)  # as if fitted to the new boxes
    return detector


def started(detector: Detector, source: Path) -> tuple[dict[str, object], str]:
    screen = io.StringIO()
    start = find_start(str(source), detector, Reporter(Console(file=screen, width=1000)))
    detector.load_state_dict(start.tensors, strict=False)
    return start.summary(), screen.getvalue()


def test_everything_is_taken_from_the_same_model(
    pretrained: Path, tiny_recipe: Path, registry: Registry
) -> None:
    file = pretrained / "best.safetensors"
    saved = load_model(file, registry).state_dict()
    for source in (pretrained, file):
        detector = fresh(tiny_recipe)
        about, screen = started(detector, source)
        assert about == {"from": str(file), "taken": len(saved), "left": []}
        assert f"{len(saved)} tensors taken, 0 left" in screen
        for name, value in detector.state_dict().items():
            assert torch.equal(value, saved[name])  # the fitted buffers, too


def test_a_head_of_another_shape_keeps_its_own_fit(
    pretrained: Path, tiny_recipe: Path, registry: Registry
) -> None:
    detector = fresh(tiny_recipe, "model.head.hidden=[6]")
    about, screen = started(detector, pretrained)
    saved = load_model(pretrained / "best.safetensors", registry).state_dict()
    assert set(about["left"]) >= HEAD  # type: ignore[arg-type]
    assert "left: head.layers.0.weight" in screen
    state = detector.state_dict()
    assert torch.all(state["head.mean"] == 0.123)
    first = "backbone.features.0.weight"
    assert torch.equal(state[first], saved[first])


def test_a_head_for_another_structure_keeps_its_own_fit(
    pretrained: Path, tiny_recipe: Path
) -> None:
    detector = fresh(tiny_recipe, "data.labels=[left_lung]")
    about, screen = started(detector, pretrained)
    assert about["left"] == ["head.mean", "head.spread"]
    assert "it was trained with labels ('heart',), not ('left_lung',)" in screen
    assert torch.all(detector.state_dict()["head.mean"] == 0.123)


def test_frozen_stages_are_taken_and_extra_tensors_listed(
    pretrained: Path, tiny_recipe: Path, registry: Registry
) -> None:
    wide = "model.backbone={use: vgg13, width: 0.125, freeze: 2}"
    detector = fresh(tiny_recipe, wide)
    about, _ = started(detector, pretrained)
    saved = load_model(pretrained / "best.safetensors", registry).state_dict()
    first = "backbone.features.0.weight"
    assert torch.equal(detector.state_dict()[first], saved[first])
    absent = (set(saved) | set(detector.state_dict())) - (set(saved) & set(detector.state_dict()))
    assert absent
    assert absent <= set(about["left"])  # type: ignore[arg-type]


def test_a_model_of_which_nothing_fits_is_refused(
    pretrained: Path, tiny_recipe: Path, tmp_path: Path
) -> None:
    change = "model={backbone: {use: resnet18}, head: {use: box_regression, hidden: [6]}}"
    source = f"train.init_from={pretrained}"
    with pytest.raises(UserError, match=r"\(train.init_from\): no filter .* fits"):
        run(tiny_recipe, tmp_path / "run", change, source, "data.loader.count=100000")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("source", "told"), [("nowhere", "no shipped model has this name"), (".", "contains neither")]
)
def test_a_model_that_is_not_there_is_told(
    tiny_recipe: Path, tmp_path: Path, source: str, told: str
) -> None:
    with pytest.raises(UserError, match=told):
        run(tiny_recipe, tmp_path / "run", f"train.init_from={source}")


def test_another_file_is_told(tiny_recipe: Path, tmp_path: Path) -> None:
    (tmp_path / "other.safetensors").write_bytes(b"no such thing")
    source = f"train.init_from={tmp_path / 'other.safetensors'}"
    with pytest.raises(UserError, match=r"other\.safetensors: not a readable model file"):
        run(tiny_recipe, tmp_path / "run", source)


def test_a_run_starts_where_the_other_ended(
    pretrained: Path, tiny_recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(pretrained.parent)  # relative paths count from the working directory
    out = tmp_path / "run"
    changes = ("train.init_from=run", "train.epochs=1", "train.optimizer.lr=1.0e-30", "augment=[]")
    summary, _ = run(tiny_recipe, out, *changes)
    assert summary["init_from"]["from"] == "run/best.safetensors"
    assert json.loads((out / "summary.json").read_text())["init_from"] == summary["init_from"]
    assert "starting from run/best.safetensors" in (out / "log.txt").read_text()
    old, new = (
        load_model(folder / "best.safetensors", discover()).state_dict()
        for folder in (pretrained, out)
    )
    for name, value in old.items():
        torch.testing.assert_close(new[name], value)
