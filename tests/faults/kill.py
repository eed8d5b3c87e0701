"""A run that is killed at random moments, again and again, ends as one that never was."""

from __future__ import annotations

import random
import shutil
import tempfile
from pathlib import Path

from tests.faults.children import call, kill_after, last_line, recipe_in
from tests.faults.outcome import Outcome
from tests.faults.readable import results_of, unreadable
from tests.faults.whole import whole_run

SEED = 0
MOST_KILLS = 4


def bench(count: int) -> Outcome:
    """Kill `count` runs, each up to four times; those that ended before do not count."""
    outcome, random_numbers = Outcome(), random.Random(SEED)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        recipe, log = recipe_in(folder), folder / "log"
        seconds, expected, _ = whole_run()
        while outcome.tried < count:
            out = folder / "run"
            wanted = random_numbers.randint(1, MOST_KILLS)
            moments = [random_numbers.uniform(0, seconds) for _ in range(wanted)]
            _try(outcome, f"try {outcome.tried}", out, recipe, log, moments, expected)
            shutil.rmtree(out, ignore_errors=True)
    return outcome


def _try(
    outcome: Outcome,
    title: str,
    out: Path,
    recipe: Path,
    log: Path,
    moments: list[float],
    expected: dict[str, bytes],
) -> None:
    kills = 0
    for moment in moments:
        kills += kill_after(moment, _arguments(out, recipe), log) < 0
        wrong = unreadable(out) if out.exists() else []
        if wrong:
            outcome.badly(f"{title}, killed {kills} times: {'; '.join(wrong)}")
            return
    if call(_arguments(out, recipe), log):
        outcome.badly(f"{title}, killed {kills} times: {last_line(log)}")
    elif (found := results_of(out)) != expected:
        names = [name for name in expected if found[name] != expected[name]]
        outcome.badly(f"{title}, killed {kills} times: {', '.join(names)} differ")
    elif kills:
        outcome.well(f"the same after {kills} kill{'s' * (kills != 1)}")


def _arguments(out: Path, recipe: Path) -> list[object]:
    """As a user types them: nothing but the folder, once it says what the recipe is."""
    if (out / "resolved.yaml").exists():
        return ["run", "--resume", out]
    return ["run", recipe, "--out", out, "--overwrite"]
