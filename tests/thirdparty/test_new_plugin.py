"""From hdf new-plugin to a run in three commands, with pip and pytest as its author uses them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Hdf

SMALL = ("data.loader.count=12", "train.epochs=1")


def install(package: Path, target: Path) -> None:
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--quiet", "--target", target]
    command = [sys.executable, "-m", "pip", "install", *options, package]
    subprocess.run(command, check=True, capture_output=True, timeout=300)


def test_a_new_backbone_is_installed_tested_and_used(
    hdf: Hdf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert hdf("new-plugin", "backbone", "tiny-conv").returncode == 0
    package, site = tmp_path / "hdf-tiny-conv", tmp_path / "site"
    install(package, site)
    above = os.environ.get("PYTHONPATH")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(site), above])))
    tested = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=package,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert "1 passed" in tested.stdout, tested.stdout
    monkeypatch.syspath_prepend(site)
    shown = hdf("run", "hdf-tiny-conv/recipe.yaml", *SMALL, "--out", "out")
    assert shown.returncode == 0, shown.stderr
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["recipe"] == "tiny_conv"
