"""A run that has ended early goes on as if it never had; another's checkpoint is refused."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

from hdf.console.progress import Reporter
from hdf.errors import Interrupted, UserError
from hdf.evaluation.evaluate import Evaluator
from hdf.models import file
from hdf.models.feature_cache import FeatureCache
from hdf.recipe.check import check_recipe
from hdf.recipe.merge import resolve
from hdf.registry.registry import Registry, discover
from hdf.report import report
from hdf.runs.run_folder import RunFolder, state_of, status_of
from hdf.training import finish, trainer
from hdf.training.checkpoint import store
from hdf.training.checkpoint.saving import Saver
from hdf.training.learner import Learner
from hdf.training.run import run_recipe
from tests.training.test_run import run as run_anew

RESULTS = ("metrics.jsonl", "best.safetensors", "predictions.csv", "matches.csv")
EVERY_STEP = "train.checkpoint_minutes=1.0e-9"
INNER = ("data.split={val: 0.2, inner: 0.2}", "train.optimizer.lr=0.01", "train.epochs=3")
VARIANTS = {
    "plain": ("augment=[]",),
    "inner split, average, batch norm, dropout": (
        *INNER,
        "train.ema=0.8",
        "train.clip_norm=1.0",
        "model.backbone={use: vgg11, width: 0.125, batch_norm: true}",
        "model.head.dropout=0.3",
    ),
    "patience": (*INNER, "train.epochs=9", "train.early_stopping={patience: 1}"),
    "seldom validated": ("train.validate_every=2", "train.epochs=3", "train.schedule.use=cosine"),
    "frozen and remembered": (
        "augment=[]",
        "model.backbone={use: vgg11, width: 0.125, freeze: 5}",
        "train.optimizer={use: sgd, lr: 0.1}",
        "train.batch_size=3",
    ),
}


class Killed(BaseException):
    """The power goes."""


def go_on(recipe: Path, out: Path, *overrides: str, registry: Registry | None = None) -> str:
    registry = registry or discover()
    checked = check_recipe(resolve(recipe, list(overrides)), registry)
    screen = io.StringIO()
    reporter = Reporter(Console(file=screen, width=1000))
    run_recipe(checked, registry, RunFolder(out, resumes=True), reporter)
    return screen.getvalue()


def results(out: Path) -> dict[str, bytes]:
    return {name: (out / name).read_bytes() for name in RESULTS}


def dies_at_call(
    monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, number: int, error: BaseException
) -> None:
    """Let a function raise when it is called for the `number`-th time, from 1."""
    original: Callable[..., Any] = getattr(owner, name)
    calls = 0

    def counted(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == number:
            raise error
        return original(*arguments, **named)

    monkeypatch.setattr(owner, name, counted)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., dict[str, bytes]]:
    """What a run comes to that nothing stops; each is run once."""
    known: dict[tuple[str, ...], dict[str, bytes]] = {}

    def find(recipe: Path, changes: tuple[str, ...]) -> dict[str, bytes]:
        if changes not in known:
            out = tmp_path_factory.mktemp("whole") / "run"
            run_anew(recipe, out, *changes)
            known[changes] = results(out)
        return known[changes]

    return find


@pytest.mark.parametrize("step", [2, 3, 4])
@pytest.mark.parametrize("variant", VARIANTS)
def test_a_run_goes_on_to_the_bit(
    tiny_recipe: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    whole: Any,
    variant: str,
    step: int,
) -> None:
    changes = ("visualize=[]", EVERY_STEP, *VARIANTS[variant])
    out = tmp_path / "run"
    with monkeypatch.context() as patch, pytest.raises(Killed):
        dies_at_call(patch, Learner, "learn", step, Killed())
        run_anew(tiny_recipe, out, *changes)
    torch.rand(3)
    screen = go_on(tiny_recipe, out, *changes)
    assert "going on after " in screen
    assert results(out) == whole(tiny_recipe, changes)
    assert status_of(out)["status"] == "finished"


def test_remembered_maps_come_from_the_batches_that_they_came_from(
    tiny_recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A processor may round a map otherwise in another batch."""
    seen: list[list[int]] = []
    original = FeatureCache.features

    def features(cache: FeatureCache, detector: Any, batch: Any) -> Any:
        seen.append(batch.index.tolist())
        return original(cache, detector, batch)

    monkeypatch.setattr(FeatureCache, "features", features)
    out, changes = (
        tmp_path / "run",
        ("visualize=[]", EVERY_STEP, *VARIANTS["frozen and remembered"]),
    )
    with monkeypatch.context() as patch, pytest.raises(Killed):
        dies_at_call(patch, Learner, "learn", 5, Killed())
        run_anew(tiny_recipe, out, *changes)
    first_epoch = seen[1:4]  # after the look before the first step
    assert len({image for batch in first_epoch for image in batch}) == 8
    seen.clear()
    go_on(tiny_recipe, out, *changes)
    assert seen[:3] == first_epoch


@pytest.mark.parametrize(
    ("owner", "name", "number"),
    [
        (Evaluator, "evaluate", 1),
        (Evaluator, "evaluate", 2),
        (Evaluator, "evaluate", 5),
        (trainer, "draw", 2),
        (Saver, "save_best", 2),
        (file, "save_model", 2),
        (store, "_prove", 3),
        (store, "sync_folder", 2),
        (finish, "learn_doubt", 1),
        (report, "write_json", 1),
    ],
)
def test_whatever_it_was_about(
    tiny_recipe: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    whole: Any,
    owner: Any,
    name: str,
    number: int,
) -> None:
    out, changes = tmp_path / "run", ("visualize=[{use: curves}]", *INNER)
    with monkeypatch.context() as patch, pytest.raises(Killed):
        dies_at_call(patch, owner, name, number, Killed())
        run_anew(tiny_recipe, out, *changes)
    go_on(tiny_recipe, out, *changes)
    assert results(out) == whole(tiny_recipe, changes)
    assert {path.name for path in (out / "checkpoints").iterdir()} == {"last", "previous"}


def test_lines_that_were_torn_are_mended(
    tiny_recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: Any
) -> None:
    out, changes = tmp_path / "run", ("visualize=[]", "train.epochs=3")
    with monkeypatch.context() as patch, pytest.raises(Killed):
        dies_at_call(patch, Learner, "learn", 5, Killed())
        run_anew(tiny_recipe, out, *changes)
    for name in ("metrics.jsonl", "timing.jsonl"):
        with (out / name).open("a") as file:
            file.write('{"epoch": 3, "tra')
    go_on(tiny_recipe, out, *changes)
    assert results(out) == whole(tiny_recipe, changes)
    times = [json.loads(line) for line in (out / "timing.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in times] == [1, 2, 3]


DRAWS = """\
import random
import numpy as np
import hdf
from hdf_plugins.heads.box_regression import BoxRegression

class Draws(BoxRegression):
    def loss(self, raw, batch):
        terms = super().loss(raw, batch)
        return {name: value * (random.random() + np.random.rand()) for name, value in terms.items()}

class Notes:
    when = "epoch"
    def draw(self, view, folder):
        (folder / "drawn.txt").write_text(f"{random.random()} {np.random.rand()}")
        return []

@hdf.hookimpl
def hdf_heads(register): register("draws", Draws)
@hdf.hookimpl
def hdf_visualizers(register): register("notes", Notes)
"""


def test_what_a_plugin_draws_from_any_generator_comes_out_the_same(
    tiny_recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "draws.py").write_text(DRAWS)
    registry = discover(tmp_path)
    head = "model.head={use: draws, hidden: [8]}"
    changes = (head, "visualize=[{use: notes}]", "train.epochs=3", EVERY_STEP)
    run_anew(tiny_recipe, tmp_path / "whole", *changes, registry=registry)
    out = tmp_path / "run"
    with monkeypatch.context() as patch, pytest.raises(Killed):
        dies_at_call(patch, Learner, "learn", 4, Killed())
        run_anew(tiny_recipe, out, *changes, registry=registry)
    go_on(tiny_recipe, out, *changes, registry=registry)
    assert results(out) == results(tmp_path / "whole")
    for epoch in ("epoch-001", "epoch-002", "epoch-003"):
        drawn = (folder / "figures" / epoch / "drawn.txt" for folder in (out, tmp_path / "whole"))
        assert len({path.read_text() for path in drawn}) == 1


@pytest.fixture
def stopped(tiny_recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run that ended in its second epoch, with two checkpoints."""
    with monkeypatch.context() as patch, pytest.raises(Killed):
        dies_at_call(patch, Learner, "learn", 4, Killed())
        run_anew(tiny_recipe, tmp_path / "run", EVERY_STEP)
    return tmp_path / "run"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("train.epochs=3", r"train.epochs: 2 there, 3 here"),
        ("data.labels=[heart, left_lung]", r'data.labels: \["heart"\] there'),
        ("data.split.val=0.4", "split: the same images are split otherwise: digest .* there"),
    ],
)
def test_a_checkpoint_of_another_run_is_refused(
    tiny_recipe: Path, stopped: Path, change: str, message: str
) -> None:
    before = (stopped / "status.json").read_bytes()
    with pytest.raises(UserError, match=message):
        go_on(tiny_recipe, stopped, EVERY_STEP, change)
    assert (stopped / "status.json").read_bytes() == before
    assert state_of(stopped) == "failed"


def test_changed_images_are_refused(
    tiny_recipe: Path, stopped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hdf.data.store.Store.digest", lambda store: "0123456789abcdef")
    message = "data: images, patients, sources or true boxes have changed: .* 0123456789abcdef here"
    with pytest.raises(UserError, match=message):
        go_on(tiny_recipe, stopped, EVERY_STEP)


def test_a_run_without_a_checkpoint_starts_again_in_place(
    tiny_recipe: Path, stopped: Path, whole: Any
) -> None:
    shutil.rmtree(stopped / "checkpoints")
    (stopped / "figures" / "old.png").touch()
    screen = go_on(tiny_recipe, stopped, EVERY_STEP)
    assert "holds no checkpoint yet: the run starts again" in screen
    assert not (stopped / "figures" / "old.png").exists()
    assert results(stopped) == whole(tiny_recipe, (EVERY_STEP,))


def test_the_score_before_the_first_step_is_known_and_not_taken_again(
    tiny_recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    with monkeypatch.context() as patch, pytest.raises(Killed):
        dies_at_call(patch, Learner, "learn", 3, Killed())
        run_anew(tiny_recipe, out, "visualize=[]")
    before = "before the first step"
    (line,) = (line for line in (out / "log.txt").read_text().splitlines() if before in line)
    assert before not in go_on(tiny_recipe, out, "visualize=[]")
    summary = json.loads((out / "summary.json").read_text())
    assert line == f"IoU {summary['iou_before_first_step']:.3f} {before}"


def test_a_run_stopped_before_its_first_step_saves_nothing(
    tiny_recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    with monkeypatch.context() as patch, pytest.raises(Interrupted):
        dies_at_call(patch, Evaluator, "evaluate", 1, Interrupted(2))
        run_anew(tiny_recipe, out, "visualize=[]")
    assert not (out / "checkpoints").exists()
    assert "before the first step" in go_on(tiny_recipe, out, "visualize=[]")
