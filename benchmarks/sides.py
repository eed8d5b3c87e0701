"""Sides of a comparison that are processes of their own and print one line of JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PEERS = "HDF_PEERS"


class NotMeasuredError(Exception):
    """Why a side has no figure, as its row says it."""


def ours(module: str, *options: object, **environment: str) -> dict[str, Any]:
    """The figures of ``benchmarks.ours.<module>``, run by this Python.

    Args:
        environment: changes to the process's variables.

    Raises:
        NotMeasuredError: it failed.
    """
    command = [sys.executable, "-m", f"benchmarks.ours.{module}"]
    return _figures(command, options, HERE.parent, {**os.environ, **environment})


def peer(script: str, *options: object) -> dict[str, Any]:
    """The figures of ``benchmarks/peers/<script>.py``, run by the Python that HDF_PEERS names.

    Raises:
        NotMeasuredError: there is no such Python, or the script failed.
    """
    python = os.environ.get(PEERS)
    if not python:
        raise NotMeasuredError("skipped: HDF_PEERS is not set; benchmarks/README.md says how")
    if not Path(python).is_file():
        raise NotMeasuredError(
            f"skipped: HDF_PEERS is to be a Python interpreter, and {python} is no file"
        )
    with tempfile.TemporaryDirectory() as folder:  # some peers write into where they stand
        # hdf stays out of the peers' environment
        bare = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        return _figures([python, str(HERE / "peers" / f"{script}.py")], options, Path(folder), bare)


def parsed(printed: str) -> dict[str, Any]:
    """The JSON object in the last line that holds one.

    Raises:
        NotMeasuredError: there is none.
    """
    for line in reversed(printed.splitlines()):
        if line.startswith("{"):
            figures: dict[str, Any] = json.loads(line)
            return figures
    raise NotMeasuredError("failed: it printed no figures")


def _figures(
    command: Sequence[str], options: Sequence[object], folder: Path, environment: dict[str, str]
) -> dict[str, Any]:
    words = [*command, *map(str, options)]
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise NotMeasuredError(f"failed: {said[-1]}")
    return parsed(done.stdout)
