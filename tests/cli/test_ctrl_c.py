"""Ctrl-C while a command imports what it needs, and while it works."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

import hdf.__main__ as entry
from tests.cli.calling import exit_code

SWALLOWS = """\
import os, signal
try:
    os.kill(os.getpid(), signal.SIGINT)
    for _ in range(1000):
        pass
except BaseException:
    pass
"""
RECIPE = ("tiny.yaml",)
MODEL = ("--model", "heart-lungs-phantom", "--images", "none", "--table", "none.csv")


@pytest.fixture
def plugins(tiny_recipe: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A plugin whose import is interrupted, and swallows any exception; beside ``tiny.yaml``."""
    monkeypatch.chdir(tiny_recipe.parent)
    Path("plugins").mkdir()
    Path("plugins/swallows.py").write_text(SWALLOWS)
    return Path("plugins")


@pytest.mark.parametrize(
    "command", [("check", *RECIPE), ("preview", *RECIPE), ("audit", *RECIPE), ("evaluate", *MODEL)]
)
def test_no_import_can_swallow_it(
    command: tuple[str, ...],
    plugins: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    codes: list[int] = []
    monkeypatch.setattr(entry.os, "_exit", codes.append)  # the command then goes on
    exit_code(monkeypatch, *command, "--plugins-dir", plugins)
    assert codes == [130]
    assert capfd.readouterr().err.splitlines()[0] == "interrupted"


def test_the_processes_of_a_launcher_leave_the_telling_to_it(
    plugins: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    codes: list[int] = []
    monkeypatch.setattr(entry.os, "_exit", codes.append)
    monkeypatch.setenv("WORLD_SIZE", "2")
    exit_code(monkeypatch, "check", *RECIPE, "--plugins-dir", plugins)
    assert codes == [130]
    assert "interrupted" not in capfd.readouterr().err


def test_elsewhere_it_is_an_exception_and_told_in_one_line(
    plugins: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*arguments: object) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr("hdf.recipe.merge.resolve", interrupted)
    assert exit_code(monkeypatch, "crossval", *RECIPE) == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_a_process_that_ignores_it_goes_on_ignoring_it() -> None:
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        entry.heed_ctrl_c()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, handler)
