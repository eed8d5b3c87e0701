"""Ctrl-C and SIGTERM, losses that are not finite, and what the machine refuses."""

from __future__ import annotations

import errno
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch

from hdf.errors import Interrupted, UserError
from hdf.evaluation.evaluate import Evaluator
from hdf.runs.run_folder import status_of
from hdf.runtime.world import ALONE, World
from hdf.training import trainer
from hdf.training.checkpoint import store
from hdf.training.interruptions import stopping
from hdf.training.learner import Learner
from hdf.training.not_finite import TOGETHER, Watch
from tests.conftest import read_jsonl
from tests.training.test_resume import dies_at_call, go_on, results
from tests.training.test_run import run

PLAIN = ("visualize=[]", "train.epochs=3")


def signals_at_call(
    monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, call: int, *numbers: int
) -> list[int]:
    """Send this process signals in a function's `call`-th call; counts all calls."""
    original, calls = getattr(owner, name), [0]

    def counted(*arguments: Any, **named: Any) -> Any:
        calls[0] += 1
        if calls[0] == call:
            for number in numbers:
                os.kill(os.getpid(), number)
        return original(*arguments, **named)

    monkeypatch.setattr(owner, name, counted)
    return calls


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_step_is_finished_and_saved(
    tiny_recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    out, handler = tmp_path / "run", signal.getsignal(number)
    with monkeypatch.context() as patch, pytest.raises(Interrupted) as caught:
        calls = signals_at_call(patch, Learner, "learn", 3, number)
        run(tiny_recipe, out, *PLAIN)
    assert calls == [3]
    assert caught.value.number == number
    assert signal.getsignal(number) is handler
    assert status_of(out)["status"] == "interrupted"
    assert (out / "log.txt").read_text().endswith(f"to go on: hdf run --resume {out}\n")
    state = torch.load(out / "checkpoints/last/state.pt", weights_only=True)
    assert (state["epoch"], state["within"]["done"], state["step"]) == (1, 1, 3)
    go_on(tiny_recipe, out, *PLAIN)
    run(tiny_recipe, tmp_path / "whole", *PLAIN)
    assert results(out) == results(tmp_path / "whole")


@pytest.mark.parametrize(
    ("owner", "name", "number"), [(Evaluator, "evaluate", 3), (trainer, "draw", 2)]
)
def test_what_was_trained_is_saved_where_images_are_validated_or_drawn(
    tiny_recipe: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    owner: Any,
    name: str,
    number: int,
) -> None:
    out = tmp_path / "run"
    with monkeypatch.context() as patch, pytest.raises(Interrupted):
        signals_at_call(patch, owner, name, number, signal.SIGINT)
        run(tiny_recipe, out, *PLAIN)
    state = torch.load(out / "checkpoints/last/state.pt", weights_only=True)
    assert (state["epoch"], state["within"]["done"], len(state["history"])) == (1, 2, 1)
    go_on(tiny_recipe, out, *PLAIN)
    run(tiny_recipe, tmp_path / "whole", *PLAIN)
    assert results(out) == results(tmp_path / "whole")


def test_a_second_one_ends_at_once(
    tiny_recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    with monkeypatch.context() as patch, pytest.raises(Interrupted) as caught:
        signals_at_call(patch, Learner, "_augmented", 3, signal.SIGINT, signal.SIGINT)
        run(tiny_recipe, out, *PLAIN)
    assert caught.value.at_once
    assert status_of(out)["status"] == "interrupted"
    state = torch.load(out / "checkpoints/last/state.pt", weights_only=True)
    assert (state["epoch"], state["step"]) == (1, 2)


def test_a_launcher_s_echo_is_no_second_one() -> None:
    with stopping(World(0, 2, 0)) as stop:
        with pytest.raises(Interrupted), stop.deferred():
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)
        assert stop.asked == signal.SIGINT


BAD = """\
import torch
import hdf
from hdf_plugins.heads.box_regression import BoxRegression

class Bad(BoxRegression):
    steps = 0
    def loss(self, raw, batch):
        terms = super().loss(raw, batch)
        self.steps += self.training
        if self.training and self.steps in (2, 3):
            terms = {name: value * torch.nan for name, value in terms.items()}
        return terms

@hdf.hookimpl
def hdf_heads(register): register("bad", Bad)
"""


@pytest.fixture
def bad(tmp_path: Path) -> Any:
    from hdf.registry.registry import discover

    (tmp_path / "bad.py").write_text(BAD)
    return discover(tmp_path)


HEAD = "model.head={use: bad, hidden: [8]}"


def test_images_with_a_loss_that_is_not_finite_are_named(
    tiny_recipe: Path, tmp_path: Path, bad: Any
) -> None:
    out = tmp_path / "run"
    with pytest.raises(UserError) as caught:
        run(tiny_recipe, out, *PLAIN, HEAD, registry=bad)
    said = str(caught.value)
    [batch] = json.loads((out / "not_finite.json").read_text())["batches"]
    assert (batch["epoch"], batch["step"], batch["loss"]) == (1, 1, "nan")
    assert len(batch["images"]) == 4
    assert all(image in said for image in batch["images"])
    assert "the loss is nan in epoch 1, step 2 of the run" in said
    assert str(out / "not_finite.json") in said
    assert "train.optimizer.lr" in said and "train.on_not_finite=skip" in said
    logs = [path.read_text() for path in out.glob("log.txt")]
    assert not any("to go on" in text for text in logs)  # it would come to the same
    assert not (out / "checkpoints").exists()


def test_batches_may_be_left_out(tiny_recipe: Path, tmp_path: Path, bad: Any) -> None:
    out = tmp_path / "run"
    norm = "model.backbone={use: vgg11, width: 0.125, batch_norm: true}"
    skip = ("train.on_not_finite=skip", HEAD, norm, "train.ema=0.5")
    _, screen = run(tiny_recipe, out, *PLAIN, *skip, registry=bad)
    lines = read_jsonl(out / "metrics.jsonl")
    assert [line["skipped_steps"] for line in lines] == [1, 1, 0]
    assert screen.count("no step was taken for") == 2
    batches = json.loads((out / "not_finite.json").read_text())["batches"]
    assert [(item["epoch"], item["step"]) for item in batches] == [(1, 1), (2, 2)]
    optimizer = torch.load(out / "checkpoints/last/state.pt", weights_only=True)["optimizer"]
    assert {int(state["step"]) for state in optimizer["state"].values()} == {4}


def test_a_device_is_asked_for_many_losses_at_once() -> None:
    watch = Watch(False, torch.device("meta"))
    index = torch.arange(2)
    for step in range(TOGETHER + 3):
        loss = torch.tensor(torch.inf if step in (4, TOGETHER) else 1.0)
        assert not watch.refuses(loss, index, 1, step, ALONE)
        assert len(watch.found) == (step >= TOGETHER - 1)
    assert watch.look() == 2
    assert [batch.step for batch in watch.taken(ALONE)] == [4, TOGETHER]
    assert watch.look() == 0


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        MemoryError(),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:1] DefaultCPUAllocator: can't allocate memory"
        ),
    ],
)
def test_memory_that_runs_out_is_told(
    tiny_recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    out = tmp_path / "run"
    dies_at_call(monkeypatch, Learner, "learn", 3, error)
    with pytest.raises(UserError, match=r"out of memory .*smaller train.batch_size than 4") as told:
        run(tiny_recipe, out, *PLAIN)
    assert len(str(told.value).splitlines()) == 1
    assert status_of(out)["status"] == "failed"
    assert f"to go on: hdf run --resume {out}" in (out / "log.txt").read_text()


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EIO])
def test_a_disk_that_refuses_is_told_and_the_last_checkpoint_is_whole(
    tiny_recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    out = tmp_path / "run"
    path = out / "checkpoints" / ".next" / "state.pt"
    error = OSError(code, os.strerror(code), str(path))
    with monkeypatch.context() as patch:
        dies_at_call(patch, store, "_save", 2, error)
        with pytest.raises(UserError) as told:
            run(tiny_recipe, out, *PLAIN)
    assert str(told.value) == f"{path}: {os.strerror(code)}; what was saved before is whole"
    assert [path.name for path in (out / "checkpoints").iterdir()] == ["last"]
    go_on(tiny_recipe, out, *PLAIN)
    run(tiny_recipe, tmp_path / "whole", *PLAIN)
    assert results(out) == results(tmp_path / "whole")


def test_other_errors_keep_their_traceback(
    tiny_recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dies_at_call(monkeypatch, Learner, "learn", 3, RuntimeError("shapes differ"))
    with pytest.raises(RuntimeError, match="shapes differ"):
        run(tiny_recipe, tmp_path / "run", *PLAIN)
