"""A disk that fills up: the file is named, what was saved is whole, and with room it goes on."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.faults.children import call, last_line, recipe_in
from tests.faults.outcome import Outcome
from tests.faults.readable import results_of, unreadable
from tests.faults.whole import whole_run

FULL = "No space left on device"
PAGE = 4096


def bench(count: int) -> Outcome:
    """Run on `count` disks, of sizes from next to nothing to nearly enough."""
    outcome = Outcome()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if (reason := _why_not(folder)) is not None:
            outcome.well(f"skipped: {reason}")
            return outcome
        recipe, whole = recipe_in(folder), whole_run()
        needed = sum(-(-size // PAGE) for size in whole.sizes)
        for number in range(count):
            pages = max(2, needed * (number + 1) // (count + 1))
            _try(outcome, recipe, folder, pages, whole.results)
    return outcome


def _why_not(folder: Path) -> str | None:
    try:
        with _disk(folder / "try", 16):
            return None
    except (OSError, subprocess.CalledProcessError):
        return "only root mounts a small disk"


@contextmanager
def _disk(path: Path, pages: int) -> Iterator[None]:
    path.mkdir()
    _mount(["-t", "tmpfs", "-o", f"size={pages * PAGE}", "tmpfs", str(path)])
    try:
        yield
    finally:
        subprocess.run(["umount", str(path)], check=True, capture_output=True)
        path.rmdir()


def _mount(arguments: list[str]) -> None:
    subprocess.run(["mount", *arguments], check=True, capture_output=True)


def _try(
    outcome: Outcome, recipe: Path, folder: Path, pages: int, expected: dict[str, bytes]
) -> None:
    disk, log, title = folder / "disk", folder / "log", f"{pages} pages"
    with _disk(disk, pages):
        out = disk / "run"
        code, said = call(["run", recipe, "--out", out], log), log.read_text()
        if code == 0:
            outcome.badly(f"{title}: it had room after all")
            return
        told = [line for line in said.splitlines() if line.startswith("error: ")]
        if code != 2 or len(told) != 1 or FULL not in told[0] or str(disk) not in told[0]:
            outcome.badly(f"{title}: exit code {code}, {told or last_line(log)}")
            return
        if wrong := unreadable(out) if out.exists() else []:
            outcome.badly(f"{title}: {'; '.join(wrong)}")
            return
        _mount(["-o", f"remount,size={100 * 2**20}", str(disk)])
        begun = (out / "resolved.yaml").exists()
        again = ["run", "--resume", out] if begun else ["run", recipe, "--out", out, "--overwrite"]
        if call(again, log):
            outcome.badly(f"{title}, with room: {last_line(log)}")
        elif results_of(out) != expected:
            outcome.badly(f"{title}, with room: another result")
        else:
            outcome.well("told, and the same once there was room")
