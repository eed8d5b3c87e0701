"""What many tests share: hdf as a user runs it, and small data."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")  # tiny tensors lose more to threads than they gain

from hdf.registry.registry import Registry, discover
from hdf_plugins.loaders import phantom
from tests.cli.calling import exit_code
from tests.phantoms import render_once

Hdf = Callable[..., subprocess.CompletedProcess[str]]

PAGES = "tests/docs/"
TINY_RECIPE = """\
name: tiny
data:
  loader: {use: phantom, count: 10, size: [64, 64]}
  image_size: [32, 32]
augment:
  - {use: affine, degrees: 5}
  - {use: gamma, gamma: [0.8, 1.2]}
model:
  backbone: {use: vgg11, width: 0.125}
  head: {use: box_regression, hidden: [8]}
train: {epochs: 2, batch_size: 4, precision: float32}
visualize: [{use: overlay, count: 2}, {use: curves}]
"""


@pytest.hookimpl(optionalhook=True)  # for there may be no xdist
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    """The tests of a file share a worker, as do those of the pages: a set-up is made once.

    Marks of `xdist_group` have no effect together with pytest 9.2, at least up to xdist 3.8.
    """
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            return PAGES if file.startswith(PAGES) else file

    return ByFile(config, log)


@pytest.fixture(scope="session", autouse=True)
def quick() -> Iterator[None]:
    """Render each phantom once, and wait for no disk: nobody pulls the plug on a test."""
    with pytest.MonkeyPatch.context() as patch:
        render_once(patch)
        patch.setattr(os, "fsync", lambda handle: None)
        yield


@pytest.fixture
def rendered_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Phantoms are rendered whenever they are read, where that is what is tested."""
    for name in ("read_image", "read_masks"):
        monkeypatch.setattr(phantom, name, getattr(phantom, name).__wrapped__)


@pytest.fixture
def hdf(tmp_path: Path) -> Hdf:
    """Run ``hdf`` in the test's folder as its entry point does, in this process."""

    def call(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        words, out, err = ["hdf", *map(str, arguments)], io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
            patch.chdir(tmp_path)
            for name, value in environment.items():
                patch.setenv(name, value)
            code = exit_code(patch, *arguments)
        return subprocess.CompletedProcess(words, code, out.getvalue(), err.getvalue())

    return call


@pytest.fixture
def hdf_process(tmp_path: Path) -> Hdf:
    """Run ``hdf`` as a process in the test's folder, where that is what is tested."""

    def call(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "hdf", *map(str, arguments)],
            cwd=tmp_path,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=300,
        )

    return call


@pytest.fixture
def tiny_recipe(tmp_path: Path) -> Path:
    """A recipe that trains in about a second."""
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY_RECIPE)
    return path


@pytest.fixture(scope="session")
def registry() -> Registry:
    """All installed plugins."""
    return discover()


@pytest.fixture(scope="session")
def chest200() -> Path:
    """200 real radiographs, where the machine has them."""
    folder = os.environ.get("HDF_TEST_DATA")
    if not folder:
        pytest.skip("HDF_TEST_DATA is not set: no real radiographs here")
    return Path(folder) / "chest200"


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]
