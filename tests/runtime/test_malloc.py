"""Freed memory is kept, unless the user has other wishes."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

SCRIPT = """
import resource, torch
from hdf.runtime.resources import keep_freed_memory
kept = keep_freed_memory()
for step in range(6):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(4):
        torch.ones(8_000_000)
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
print(kept, faults)
"""


def run(**environment: str) -> tuple[bool, int]:
    shown = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    kept, faults = shown.stdout.split()
    return kept == "True", int(faults)


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator is Linux's")
def test_large_blocks_are_reused() -> None:
    kept, faults = run()
    if not kept:
        pytest.skip("this C library has no mallopt")
    assert faults < 100  # mapped anew, 128 MB would take 31,250 faults of 4 KiB
    assert run(MALLOC_TOP_PAD_="131072")[0] is False
