"""A few tries of the bench, in a process of their own that has no threads and may fork."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.faults.__main__ import PARTS

# Two processes are started by tests/cli/test_processes.py.
FEW = {"kill": 1, "checkpoints": 3, "disk": 1}


def bench(**counts: int) -> list[str]:
    """What the bench tells of its parts."""
    command = [sys.executable, "-m", "tests.faults", *(f"{part}={counts[part]}" for part in counts)]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=900)
    assert not shown.stderr
    return shown.stdout.splitlines()


@pytest.fixture(scope="module")
def told() -> list[str]:
    return bench(**FEW)


@pytest.mark.parametrize("part", FEW)
def test_nothing_goes_wrong(part: str, told: list[str]) -> None:
    check(part, told)


@pytest.mark.long
def test_a_long_training_keeps_no_memory() -> None:
    check("memory", bench(memory=30))


def check(part: str, told: list[str]) -> None:
    assert part in PARTS
    [line] = [line for line in told if line.startswith(f"{part}: ")]
    if "skipped" in line:
        pytest.skip(line)
    assert "; 0 wrong (" in line, "\n".join(told)
