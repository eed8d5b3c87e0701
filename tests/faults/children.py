"""``hdf`` in forked processes, which need not import torch again, and can be killed.

The process that forks must have no other threads: ``python -m tests.faults`` has none.
"""

from __future__ import annotations

import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path
from signal import SIGKILL

import pytest
import torch

from hdf.cli.main import hdf, tell
from tests.phantoms import render_once

_WARM: list[bool] = []
RECIPE = """\
name: faults
data:
  loader: {use: phantom, count: 20, size: [32, 32]}
  image_size: [32, 32]
  split: {val: 0.2, inner: 0.2}
augment:
  - {use: affine, degrees: 5}
  - {use: gaussian_noise}
model:
  backbone: {use: vgg11, width: 0.0625, batch_norm: true}
  head: {use: box_regression, hidden: [8], dropout: 0.2}
train:
  epochs: 3
  batch_size: 4
  precision: float32
  device: cpu
  ema: 0.8
  optimizer: {use: adam, lr: 1.0e-2}
  checkpoint_minutes: 1.0e-6
"""


def recipe_in(folder: Path, text: str = RECIPE) -> Path:
    """Write the recipe that the bench trains; what a training imports is imported first."""
    path = folder / "faults.yaml"
    path.write_text(text)
    if not _WARM:
        torch.set_num_threads(1)
        render_once(pytest.MonkeyPatch())  # in this process for good
        _quietly(["run", str(path), "--out", str(folder / "warm")])
        assert threading.active_count() == 1, "a process with threads can't be forked"
        _WARM.append(True)
    return path


def _quietly(arguments: list[str]) -> None:
    with redirect_stderr(StringIO()):
        hdf(arguments, standalone_mode=False)


def start(arguments: Sequence[object], log: Path) -> int:
    """Run ``hdf`` in a process of its own, whose number is returned; stderr goes to `log`."""
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, 2)
        code = _run([str(argument) for argument in arguments])
    finally:
        sys.stderr.flush()
        os._exit(code)


def _run(arguments: list[str]) -> int:
    try:
        hdf(arguments, standalone_mode=False)
    except BaseException as error:
        code = tell(error)
        if code is None:
            traceback.print_exc()
        return 1 if code is None else code
    return 0


def end(child: int) -> int:
    """Wait for a process; its exit code, or minus the signal that ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def call(arguments: Sequence[object], log: Path) -> int:
    """Run ``hdf`` to its end."""
    return end(start(arguments, log))


def kill_after(seconds: float, arguments: Sequence[object], log: Path) -> int:
    """Run ``hdf`` and kill it, if it is still there; its exit code."""
    until = time.monotonic() + seconds
    return kill_when(lambda: time.monotonic() > until, arguments, log)


def kill_when(
    condition: Callable[[], bool], arguments: Sequence[object], log: Path, number: int = SIGKILL
) -> int:
    """Run ``hdf`` and send it a signal once something is so; its exit code."""
    child = start(arguments, log)
    while not condition():
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.001)
    os.kill(child, number)
    return end(child)


def lines_of(path: Path) -> int:
    """How many lines a file has; 0 where there is none."""
    try:
        return path.read_bytes().count(b"\n")
    except FileNotFoundError:
        return 0


def last_line(log: Path) -> str:
    """What a process said last."""
    lines = [line for line in log.read_text().splitlines() if line.strip()]
    return lines[-1] if lines else "nothing was said"
