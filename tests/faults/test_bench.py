"""A few tries of the bench, in a process of their own that has no threads and may fork."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.faults.__main__ import PARTS

# Two processes are started by tests/cli/test_processes.py.
FEW = {"kill": 1, "checkpoints": 3, "disk": 1, "memory": 30}


@pytest.fixture(scope="module")
def told() -> list[str]:
    command = [sys.executable, "-m", "tests.faults", *(f"{part}={FEW[part]}" for part in FEW)]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=900)
    assert not shown.stderr
    return shown.stdout.splitlines()


@pytest.mark.parametrize("part", FEW)
def test_nothing_goes_wrong(part: str, told: list[str]) -> None:
    assert part in PARTS
    [line] = [line for line in told if line.startswith(f"{part}: ")]
    if "skipped" in line:
        pytest.skip(line)
    assert "; 0 wrong (" in line, "\n".join(told)
