"""``hdf run --nproc`` as a user types it; each call starts a launcher and two processes."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from hdf.cli import main
from hdf.errors import UserError
from hdf.training import launch
from tests.conftest import Hdf, read_jsonl
from tests.docs.documentation import blocks

RECIPE = """\
name: tiny
data:
  loader: {use: phantom, count: 32, size: [64, 64]}
  image_size: [32, 32]
  split: {val: 0.15, inner: 0.1}
augment:
  - {use: affine, degrees: 5, p: 0.7}
  - {use: gaussian_noise}
model:
  backbone: {use: vgg11, width: 0.125}
  head: {use: box_regression, hidden: [8]}
train: {epochs: 4, batch_size: 5, precision: float32, clip_norm: 1.0, ema: 0.9}
visualize: [{use: curves}]
"""

DIES = """\
import os, signal
import hdf
from hdf_plugins.heads.box_regression import BoxRegression


class Dies(BoxRegression):
    steps = 0

    def loss(self, raw, batch):
        self.steps += self.training
        if os.environ.get("RANK") == "1" and self.steps == 8:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().loss(raw, batch)


@hdf.hookimpl
def hdf_heads(register):
    register("dies", Dies)


@hdf.hookimpl
def hdf_run_started(run):
    (run.folder.path / "writer").write_text(f"{os.getpid()} {os.getppid()}")
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.yaml"
    path.write_text(RECIPE)
    return path


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_two_processes_learn_what_one_learns(
    hdf_process: Hdf, recipe: Path, tmp_path: Path
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    main.hdf(["run", str(recipe), "--out", str(one)], standalone_mode=False)
    shown = hdf_process("run", recipe, "--out", "two", "--nproc", "2")
    assert shown.returncode == 0, shown.stderr
    assert "Warning" not in shown.stderr
    assert {path.name for path in one.iterdir()} == {path.name for path in two.iterdir()}
    ours, theirs = read_jsonl(one / "metrics.jsonl"), read_jsonl(two / "metrics.jsonl")
    assert len(theirs) == 4  # of five steps each; most batches hold 5 images
    for first, second in zip(ours, theirs, strict=True):
        assert second == pytest.approx(first, abs=1e-3)
    first, second = (json.loads((out / "summary.json").read_text()) for out in (one, two))
    assert (first["processes"], second["processes"]) == (1, 2)
    assert second["metrics"]["val"]["iou_mean"] == pytest.approx(
        first["metrics"]["val"]["iou_mean"], abs=1e-3
    )
    assert second["data_digest"] == first["data_digest"]
    answers = [[row["image"] for row in table(out / "predictions.csv")] for out in (one, two)]
    assert answers[0] == answers[1]
    assert json.loads((two / "environment.json").read_text())["processes"] == 2
    assert len([line for line in shown.stderr.splitlines() if line.startswith("epoch ")]) == 4


def test_a_killed_process_ends_the_run(hdf_process: Hdf, recipe: Path, tmp_path: Path) -> None:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "dies.py").write_text(DIES)
    head = "model.head={use: dies, hidden: [8]}"
    shown = hdf_process(
        "run", recipe, head, "--plugins-dir", "plugins", "--nproc", "2", "--out", "out"
    )
    assert shown.returncode == 1
    error = next(line for line in shown.stderr.splitlines() if line.startswith("error: "))
    (page,) = [block.text for block in blocks("distributed.md") if block.language == "text"]
    told = page.replace("runs/mine/2026-11-25T10-15-00", "out").replace("epoch 12", "epoch 1")
    assert [error, shown.stderr.splitlines()[-1]] == told.splitlines()
    assert "Traceback" not in shown.stderr
    status = json.loads((tmp_path / "out" / "status.json").read_text())
    assert status["status"] == "failed"
    assert "process 1" in status["reason"]
    for process in (tmp_path / "out" / "writer").read_text().split():
        with pytest.raises(ProcessLookupError):
            os.kill(int(process), 0)


SLOW = """\
import time
import hdf


@hdf.hookimpl
def hdf_epoch_finished(run, epoch, metrics):
    time.sleep(0.5)
"""


def test_an_interrupted_run_goes_on_with_another_number_of_processes(
    recipe: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "slow.py").write_text(SLOW)
    plugins = ("--plugins-dir", str(tmp_path / "plugins"))
    main.hdf(["run", str(recipe), "--out", str(one)], standalone_mode=False)
    command = [sys.executable, "-m", "hdf", "run", str(recipe), "--out", str(two), *plugins]
    with subprocess.Popen(
        [*command, "--nproc", "2"], stderr=subprocess.PIPE, text=True
    ) as launcher:
        assert launcher.stderr is not None
        while "epoch 2/4" not in launcher.stderr.readline():
            assert launcher.poll() is None
        launcher.send_signal(signal.SIGINT)
        said = launcher.stderr.read()
        assert launcher.wait() == 130
    assert said.splitlines()[-1].endswith(f"to go on: hdf run --resume {two} --nproc 2")
    assert "Traceback" not in said
    status = json.loads((two / "status.json").read_text())
    assert status["status"] == "interrupted"
    main.hdf(["run", "--resume", str(two)], standalone_mode=False)
    assert "going on after" in capfd.readouterr().err
    for first, second in zip(
        read_jsonl(one / "metrics.jsonl"), read_jsonl(two / "metrics.jsonl"), strict=True
    ):
        assert second == pytest.approx(first, abs=1e-3)


def test_a_mistake_in_the_data_is_told_once(hdf_process: Hdf, recipe: Path, tmp_path: Path) -> None:
    shown = hdf_process("run", recipe, "train.batch_size=1", "--nproc", "2", "--out", "out")
    assert shown.returncode == 2
    (said,) = [line for line in shown.stderr.splitlines() if "error" in line]
    assert "make batches of 1, too few for 2 processes" in said
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("train.epoch=5", "unknown key 'epoch'"),
        ("augment=[{use: affine, degrees: -4}]", "affine"),
        ("train.device=cuda:0", "'cuda:0' is one device for 2 processes"),
    ],
)
def test_a_mistake_in_the_recipe_starts_no_process(
    recipe: Path, change: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "elastic_launch", None)
    with pytest.raises(UserError, match=message):
        main.hdf(["run", str(recipe), change, "--nproc", "2"], standalone_mode=False)


def test_nproc_is_refused_below_torchrun(recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "0")
    shown = CliRunner().invoke(main.hdf, ["run", str(recipe), "--nproc", "2"])
    assert shown.exit_code == 2
    assert "leave out --nproc" in shown.output
    shown = CliRunner().invoke(main.hdf, ["crossval", str(recipe)])
    assert shown.exit_code == 2
    assert "torchrun starts hdf run" in shown.output
