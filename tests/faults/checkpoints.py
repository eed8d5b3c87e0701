"""Checkpoints that were cut short, or of which a bit has flipped, never pass for whole ones."""

from __future__ import annotations

import random
import shutil
import tempfile
from pathlib import Path

from tests.faults.children import call, kill_when, last_line, lines_of, recipe_in
from tests.faults.outcome import Outcome
from tests.faults.readable import results_of
from tests.faults.whole import whole_run

SEED = 1
REFUSED = "no checkpoint can be used"


def bench(count: int) -> Outcome:
    """Damage the checkpoints of a run that was killed, `count` times, and go on with it."""
    outcome, random_numbers = Outcome(), random.Random(SEED)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        recipe, log, killed = recipe_in(folder), folder / "log", folder / "killed"
        kill_when(
            lambda: lines_of(killed / "metrics.jsonl") > 1, ["run", recipe, "--out", killed], log
        )
        for number in range(count):
            out = folder / "run"
            shutil.copytree(killed, out)
            _try(outcome, f"try {number}", out, log, random_numbers, whole_run().results)
            shutil.rmtree(out)
    return outcome


def _try(
    outcome: Outcome,
    title: str,
    out: Path,
    log: Path,
    random_numbers: random.Random,
    expected: dict[str, bytes],
) -> None:
    names = random_numbers.choice([("last",), ("last",), ("previous",), ("last", "previous")])
    damage = [_damage(out / "checkpoints" / name, random_numbers) for name in names]
    code = call(["run", "--resume", out], log)
    title = f"{title} ({', '.join(damage)})"
    if len(names) == 2:
        said = log.read_text()
        named = all(str(out / "checkpoints" / name) in said for name in names)
        if code == 2 and REFUSED in said and named and not (out / "summary.json").exists():
            outcome.well("refused by name")
        else:
            outcome.badly(f"{title} is not refused: exit code {code}, {last_line(log)}")
    elif code:
        outcome.badly(f"{title}: exit code {code}, {last_line(log)}")
    elif results_of(out) != expected:
        outcome.badly(f"{title}: another result")
    elif (
        names == ("last",)
        and str(out / "checkpoints" / "last") not in (out / "log.txt").read_text()
    ):
        outcome.badly(f"{title}: the same, but nothing was said")
    else:
        what = "from the other one" if names == ("last",) else "from the newest, which is whole"
        outcome.well(f"gone on with {what}")


def _damage(checkpoint: Path, random_numbers: random.Random) -> str:
    """Damage one of a checkpoint's files; says how."""
    path = random_numbers.choice(sorted(checkpoint.iterdir()))
    how = random_numbers.choice(["cut short", "one bit flipped", "one bit flipped", "deleted"])
    content = bytearray(path.read_bytes())
    place = random_numbers.randrange(len(content))
    if how == "deleted":
        path.unlink()
    elif how == "cut short":
        path.write_bytes(content[:place])
    else:
        content[place] ^= 1 << random_numbers.randrange(8)
        path.write_bytes(content)
    return f"{checkpoint.name}/{path.name} {how} at byte {place} of {len(content)}"
