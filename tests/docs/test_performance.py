"""The page of figures names tests and benchmarks that are there."""

from __future__ import annotations

import re
from pathlib import Path

from benchmarks import NAMES

from tests.docs.documentation import section

HERE = Path(__file__).parents[2]


def optimisations() -> list[list[str]]:
    """The cells of each row of the table of optimisations."""
    text = section("performance.md", "## What each optimisation is worth")
    table = text[text.index("|---|") :].split("\n\n", 1)[0]
    return [line.strip("| ").split(" | ") for line in table.splitlines()[1:]]


def test_every_optimisation_has_a_switch_a_test_and_rows() -> None:
    rows = optimisations()
    assert len(rows) > 10
    for what, switch, tests, measured in rows:
        assert "`" in switch or switch.startswith("none: "), what
        named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", tests)
        assert named, what
        for file, name in named:
            assert f"def {name}(" in (HERE / file).read_text(encoding="utf-8")
        benchmarks = re.findall(r"`([\w-]+)`", measured)
        assert set(benchmarks) <= set(NAMES), what
        assert benchmarks or measured.startswith("none: "), what
