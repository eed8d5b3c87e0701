"""docs/why-the-constant-box.md repeats figures of other pages, and subtracts them rightly."""

from __future__ import annotations

import re

from tests.docs.documentation import DOCS

TEXT = (DOCS / "why-the-constant-box.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| .+ \| (0\.\d{3}) \| (0\.\d{3}) \| (0\.\d{3}) \|$", TEXT, re.MULTILINE)


def test_the_figures_are_those_of_the_readme_and_the_results() -> None:
    measured = (DOCS.parent / "README.md").read_text() + (DOCS / "results.md").read_text()
    floors = re.findall(r"^\| .+ \| (0\.\d{3}) \| \D", TEXT, re.MULTILINE)
    quoted = {*floors, *(score for row in ROWS for score in row[:2])}
    assert len(floors) == len(ROWS) == 4
    assert quoted <= set(re.findall(r"0\.\d{3}", measured))


def test_the_run_of_a_single_epoch_is_that_of_the_splits() -> None:
    splits = (DOCS / "splits.md").read_text(encoding="utf-8")
    scores = re.findall(r"^all +20 +(0\.\d{3}) .* (0\.\d{3})$", splits, re.MULTILINE)
    assert scores == re.findall(r"\[(0\.\d{3}), and the constant box\n(0\.\d{3})\]", TEXT)
    (interval,) = re.findall(r"^all folds: .* \(95 % (-.+)\) from", splits, re.MULTILINE)
    assert f"such a case: {interval.replace('-', '−')}." in TEXT


def test_a_recipe_s_score_is_the_readme_s() -> None:
    readme = (DOCS.parent / "README.md").read_text()
    for name, score in re.findall(r"^\| `(\w+)`, .+? \| (0\.\d{3}) \|", TEXT, re.MULTILINE):
        (measured,) = re.findall(rf"recipes/{name}\.yaml.*?` .*?\| (0\.\d{{3}}) \(", readme)
        assert score == measured, name


def test_the_differences_are_right() -> None:
    for score, floor, above in ROWS:
        assert f"{float(score) - float(floor):.3f}" == above
