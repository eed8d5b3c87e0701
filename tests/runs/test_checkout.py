"""What ``environment.json`` says of the folder that a run was started in."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from hdf.registry.registry import Registry
from hdf.runs.environment import checkout_of, describe_environment
from hdf.runtime.device import choose_compute

WHO = ("-c", "user.name=nobody", "-c", "user.email=nobody@example.org")


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *WHO, *arguments], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    git(tmp_path, "init", "--quiet")
    (tmp_path / "a.txt").write_text("a")
    git(tmp_path, "add", "a.txt")
    git(tmp_path, "commit", "--quiet", "-m", "First")
    git(tmp_path, "remote", "add", "origin", "https://example.org/secret")
    return tmp_path


def test_commit_and_changes(checkout: Path) -> None:
    commit = git(checkout, "rev-parse", "HEAD")
    assert checkout_of(checkout) == {"commit": commit, "dirty": False}
    (checkout / "b.txt").write_text("b")
    assert checkout_of(checkout) == {"commit": commit, "dirty": True}


def test_a_program_that_the_checkout_names_is_not_run(checkout: Path) -> None:
    program = checkout / "watch.sh"
    program.write_text(f"#!/bin/sh\ntouch {checkout}/sung\n")
    program.chmod(0o700)
    git(checkout, "config", "core.fsmonitor", str(program))
    (checkout / "sung").unlink(missing_ok=True)
    assert checkout_of(checkout) is not None
    assert not (checkout / "sung").exists()


def test_without_a_checkout_or_git(
    tmp_path: Path, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    (tmp_path / ".git").rename(tmp_path / "gone")
    assert checkout_of(tmp_path) is None
    (tmp_path / "gone").rename(tmp_path / ".git")
    monkeypatch.setenv("PATH", "")
    assert checkout_of(tmp_path) is None


def test_nobody_is_named(
    checkout: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(checkout)
    found = describe_environment(choose_compute("cpu", "float32"), registry, 1)
    text = json.dumps(found)
    assert found["checkout"]["dirty"] is False and found["hdf"] and found["processor_features"]
    assert str(checkout) not in text and "example.org" not in text and str(Path.home()) not in text
