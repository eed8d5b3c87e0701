"""One process and two learn the same, and each goes on with what the other has begun."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from signal import SIGTERM

from tests.faults.children import RECIPE, call, kill_when, last_line, lines_of, recipe_in
from tests.faults.outcome import Outcome

SEED = 2
CLOSE = 1e-3
EPOCHS = 5
CHANGES = {
    "count: 20": "count: 24",  # 14 to train: four steps an epoch, 20 in all
    "epochs: 3": f"epochs: {EPOCHS}",
    ", batch_norm: true": "",
    ", dropout: 0.2": "",
    "lr: 1.0e-2": "lr: 1.0e-3",
}


def bench(count: int) -> Outcome:
    """Two processes once, then `count` - 1 runs that are begun by one and ended by two, or the
    other way about."""
    outcome, random_numbers = Outcome(), random.Random(SEED)
    text = RECIPE
    for old, new in CHANGES.items():
        text = text.replace(old, new)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        recipe, log, out = recipe_in(folder, text), folder / "log", folder / "out"
        call(["run", recipe, "--out", folder / "one"], log)
        expected = _metrics(folder / "one")
        code = _launched(["run", recipe, "--out", out, "--nproc", "2"], log)
        _judge(outcome, "as one", out, code, log, expected)
        for number in range(count - 1):
            shutil.rmtree(out)
            epoch = random_numbers.randint(1, EPOCHS - 2)
            from_two = number % 2 == 0
            begin = ["run", recipe, "--out", out]
            first = _stopped_two if from_two else _stopped_one
            code = first(begin, log, out, epoch)
            if code not in (143, -9):
                outcome.badly(f"it was not stopped: exit code {code}, {last_line(log)}")
                continue
            again: list[object] = ["run", "--resume", out]
            code = call(again, log) if from_two else _launched([*again, "--nproc", "2"], log)
            how = "begun by two, ended by one" if from_two else "begun by one, ended by two"
            _judge(outcome, how, out, code, log, expected)
    return outcome


def _metrics(out: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]


def _judge(
    outcome: Outcome, how: str, out: Path, code: int, log: Path, expected: list[dict[str, float]]
) -> None:
    if code:
        outcome.badly(f"{how}: exit code {code}, {last_line(log)}")
        return
    found = _metrics(out)
    far = [
        f"{name} of epoch {one['epoch']}"
        for one, other in zip(expected, found, strict=True)
        for name in one
        if not abs(one[name] - other[name]) <= CLOSE
    ]
    if far:
        outcome.badly(f"{how}: {', '.join(far)} differ by more than {CLOSE}")
    else:
        outcome.well(how)


def _stopped_one(arguments: list[object], log: Path, out: Path, epoch: int) -> int:
    """By SIGKILL."""
    return kill_when(lambda: lines_of(out / "metrics.jsonl") >= epoch, arguments, log)


def _stopped_two(arguments: list[object], log: Path, out: Path, epoch: int) -> int:
    """By SIGTERM to the launcher."""
    with log.open("w") as file:
        launcher = _start([*arguments, "--nproc", "2"], file.fileno())
        while launcher.poll() is None and lines_of(out / "metrics.jsonl") < epoch:
            time.sleep(0.01)
        launcher.send_signal(SIGTERM)
        return launcher.wait()


def _launched(arguments: list[object], log: Path) -> int:
    with log.open("w") as file:
        return _start(arguments, file.fileno()).wait()


def _start(arguments: list[object], stderr: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "hdf", *map(str, arguments)]
    return subprocess.Popen(command, stdout=stderr, stderr=stderr)
