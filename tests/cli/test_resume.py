"""``hdf run --resume`` as a user types it, and how an interrupted run ends."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from hdf.cli import main
from hdf.runs.run_folder import RunFolder
from hdf.training.learner import Learner
from tests.cli.calling import exit_code as hdf
from tests.training.test_resume import results


@pytest.fixture
def stopped(tiny_recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run that got SIGTERM in its third step."""
    original, calls = Learner.learn, [0]

    def learn(*arguments: Any) -> Any:
        calls[0] += 1
        if calls[0] == 3:
            os.kill(os.getpid(), signal.SIGTERM)
        return original(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Learner, "learn", learn)
        assert hdf(patch, "run", tiny_recipe, "--out", tmp_path / "run") == 143
    return tmp_path / "run"


def test_the_folder_is_all_that_is_needed(
    tiny_recipe: Path,
    stopped: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert (stopped / "log.txt").read_text().endswith(f"to go on: hdf run --resume {stopped}\n")
    text = tiny_recipe.read_text()
    tiny_recipe.unlink()
    assert hdf(monkeypatch, "run", "--resume", stopped) == 0
    assert "going on after batch 1 of epoch 2" in capsys.readouterr().err
    assert (stopped / "recipe.yaml").read_text() == text
    tiny_recipe.write_text(text)
    assert hdf(monkeypatch, "run", tiny_recipe, "--out", tmp_path / "whole") == 0
    assert results(stopped) == results(tmp_path / "whole")


def test_a_finished_run_is_left_as_it_is(
    stopped: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert hdf(monkeypatch, "run", "--resume", stopped) == 0
    times = {path: path.stat().st_mtime_ns for path in stopped.rglob("*")}
    capsys.readouterr()
    for nproc in ("1", "2"):
        assert hdf(monkeypatch, "run", "--resume", stopped, "--nproc", nproc) == 0
        assert "the run has finished; nothing is left to do" in capsys.readouterr().err
    assert hdf(monkeypatch, "run", "--resume", stopped, "train.epochs=5") == 2
    assert "error: train.epochs: 2 there, 5 here" in capsys.readouterr().err
    assert hdf(monkeypatch, "run", "--resume", stopped, "train.epochs=2") == 0
    assert {path: path.stat().st_mtime_ns for path in stopped.rglob("*")} == times


def test_the_same_recipe_may_be_given_and_another_may_not(
    tiny_recipe: Path,
    stopped: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for changes in ([tiny_recipe, "train.epochs=5"], ["train.epochs=5"]):
        capsys.readouterr()
        assert hdf(monkeypatch, "run", "--resume", stopped, *changes) == 2
        told = capsys.readouterr().err
        assert "error: train.epochs: 2 there, 5 here" in told
        assert "to go on with it, give --resume without a recipe and without changes" in told
    assert hdf(monkeypatch, "run", tiny_recipe, "train.epochs=2", "--resume", stopped) == 0


def test_a_run_that_goes_on_is_refused(
    stopped: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = RunFolder(stopped, resumes=True)
    folder.take()
    assert hdf(monkeypatch, "run", "--resume", stopped) == 2
    assert "the run still goes on in another process" in capsys.readouterr().err
    folder.close()


def test_what_is_no_run_is_refused(
    tiny_recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crossval = tmp_path / "crossval"
    crossval.mkdir()
    (crossval / "status.json").write_text('{"status": "failed", "folds": 3}')
    early = tmp_path / "early"
    early.mkdir()
    (early / "status.json").write_text('{"status": "running"}')
    for arguments, message in {
        ("run",): "Missing argument 'RECIPE'",
        ("run", "--resume", tmp_path): "holds no run",
        ("run", "--resume", tmp_path / "nowhere"): "holds no run",
        ("run", "--resume", crossval): "hdf crossval RECIPE --out",
        ("run", "--resume", early): "killed before it was written; give RECIPE as well",
        ("run", "--resume", early, "--out", "x"): "leave out --out",
    }.items():
        shown = CliRunner().invoke(main.hdf, [str(argument) for argument in arguments])
        assert message in f"{shown.output}{shown.exception}"
    assert hdf(monkeypatch, "run", tiny_recipe, "--resume", early) == 0
