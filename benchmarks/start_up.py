"""``hdf list-plugins`` against importing the libraries that any such command needs.

``hdf check`` and ``hdf doctor`` against importing torch. And what start-up would take if it
imported what it does not need.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.timing import alternate, ratio

ROUNDS = 15
FEWER = 5
LIST = "from hdf.cli.main import hdf; hdf(['list-plugins'])"
LOAD = "from hdf.inference import load_predictor; load_predictor()"


def rows() -> Iterator[tuple[str, str]]:
    """Whole processes, by wall time."""
    hdf = Path(sys.executable).with_name("hdf")
    ours, theirs = alternate(
        _process(str(hdf), "list-plugins"),
        _process(sys.executable, "-c", "import pluggy, rich.table, yaml"),
        ROUNDS,
    )
    yield "seconds, hdf list-plugins / import pluggy, rich.table, yaml", ratio(ours, theirs)
    yield "milliseconds, hdf list-plugins", f"{1000 * median(ours):.0f}"
    yield from _against_torch()
    yield from _without("hdf list-plugins", LIST, "torch")
    yield from _without("a process that loads the shipped model", LOAD, "torch._dynamo")


def _against_torch() -> Iterator[tuple[str, str]]:
    """The commands that look at recipes and machines, in turns with an import of torch."""
    hdf = str(Path(sys.executable).with_name("hdf"))
    typo = ("train.epoch=5", "model.backbone={use: resnt18}")
    with TemporaryDirectory() as cache:
        unknown = {**os.environ, "HDF_CACHE": os.devnull}  # where no verdict can be kept
        known = {**os.environ, "HDF_CACHE": cache}
        commands = {
            "check in order, once more": _process(hdf, "check", "vgg16_mse", env=known),
            "check in order, for the first time": _process(hdf, "check", "vgg16_mse", env=unknown),
            "check with a typo": _process(hdf, "check", "vgg16_mse", *typo, code=2),
            "doctor": _process(hdf, "doctor"),
        }
        for what, command in commands.items():
            ours, torch = alternate(command, _process(sys.executable, "-c", "import torch"), FEWER)
            yield f"seconds, hdf {what} / import torch", ratio(ours, torch)


def _without(what: str, script: str, package: str) -> Iterator[tuple[str, str]]:
    """What it is worth that a process does not import a package."""
    ours, theirs = alternate(
        _process(sys.executable, "-c", script),
        _process(sys.executable, "-c", f"import {package}; {script}"),
        FEWER,
    )
    yield f"milliseconds, {what}, as it is", f"{1000 * median(ours):.0f}"
    yield f"milliseconds, {what}, importing {package}", f"{1000 * median(theirs):.0f}"
    yield f"speed, {what}, importing {package} / as it is", ratio(ours, theirs)


def _process(
    *command: str, env: dict[str, str] | None = None, code: int = 0
) -> Callable[[], object]:
    def run() -> None:
        ended = subprocess.run(command, env=env, capture_output=True)
        if ended.returncode != code:
            raise RuntimeError(f"{' '.join(command)}: {ended.stderr.decode()}")

    return run
