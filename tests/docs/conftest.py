"""One run, made with the plugins that docs/plugins.md prints."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.documentation import PLUGINS, Finished, named_blocks


def call(*arguments: str | Path, folder: Path) -> str:
    """Run Python in a folder; returns stderr, and fails the test where the process does."""
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=folder,
        env={**os.environ, "TRACKER_FILE": "tracked.jsonl", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.fixture(scope="session")
def tutorial(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """The run of docs/plugins.md, made of its own blocks alone."""
    folder = tmp_path_factory.mktemp("tutorial")
    files = named_blocks("plugins.md")
    (folder / "plugins").mkdir()
    for name in PLUGINS:
        (folder / "plugins" / name).write_text(files[name], encoding="utf-8")
    for name in ("make_images.py", "ellipses.yaml"):
        (folder / name).write_text(files[name], encoding="utf-8")
    call("make_images.py", folder=folder)
    hdf = ("-m", "hdf.cli.main", "run", "ellipses.yaml", "--plugins-dir", "plugins")
    output = call(*hdf, "--out", "out", folder=folder)
    return Finished(folder / "out", output, folder / "tracked.jsonl")
