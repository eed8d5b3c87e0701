"""The page of figures keeps its prose, and the rows that were not measured again."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks import page
from benchmarks.bars import Bar, at_most

OLD, NEW = "an old machine", "a new machine"
MEASURED = [("speed", "3.1 (2.9 to 3.3, 3 rounds)"), ("memory", "640 MiB")]


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A page with prose around the rows of one benchmark."""
    monkeypatch.setitem(page.BARS, "race", {"speed": Bar(2.5, "times")})
    path = tmp_path / "performance.md"
    text = "# Performance\n\nBefore.\n\n<!-- begin race -->\n<!-- end race -->\n\nAfter.\n"
    path.write_text(text)
    page.write(path, "race", MEASURED, "2026-01-02", OLD)
    return path


def test_rows_go_between_the_markers(written: Path) -> None:
    text = written.read_text()
    assert "| speed | at least 2.5 times | 3.1 | 2.9 to 3.3, 3 rounds | 2026-01-02 |\n" in text
    assert "| memory |  | 640 MiB |  | 2026-01-02 |\n" in text
    assert f"- 2026-01-02: {OLD}\n" in text


def test_prose_is_kept(written: Path) -> None:
    page.write(written, "race", MEASURED, "2026-03-04", NEW)
    text = written.read_text()
    assert text.startswith("# Performance\n\nBefore.\n\n<!-- begin race -->\n")
    assert text.endswith("<!-- end race -->\n\nAfter.\n")


def test_rows_that_were_skipped_keep_figure_day_and_machine(written: Path) -> None:
    rows = [("speed", "skipped: HDF_PEERS is not set"), ("memory", "650 MiB")]
    page.write(written, "race", rows, "2026-03-04", NEW)
    text = written.read_text()
    assert "| speed | at least 2.5 times | 3.1 | 2.9 to 3.3, 3 rounds | 2026-01-02 |\n" in text
    assert "| memory |  | 650 MiB |  | 2026-03-04 |\n" in text
    assert f"- 2026-01-02: {OLD}\n- 2026-03-04: {NEW}\n" in text
    assert "skipped" not in text


def test_rows_and_machines_that_are_gone_leave_the_page(written: Path) -> None:
    page.write(written, "race", [("speed", "3.3 (3.2 to 3.4, 3 rounds)")], "2026-03-04", NEW)
    text = written.read_text()
    assert "memory" not in text
    assert OLD not in text


def test_nothing_measured_changes_nothing(written: Path) -> None:
    before = written.read_text()
    page.write(written, "race", [("skipped", "HDF_TEST_DATA is not set")], "2026-03-04", NEW)
    assert written.read_text() == before


def test_another_benchmark_gets_a_section_of_its_own(written: Path) -> None:
    before = written.read_text()
    page.write(written, "walk", [("steps", "7")], "2026-03-04", NEW)
    text = written.read_text()
    assert text.startswith(before.rstrip())
    assert "## walk\n\n<!-- begin walk -->\n" in text


def test_a_page_that_is_not_there_is_begun(tmp_path: Path) -> None:
    page.write(tmp_path / "new.md", "walk", [("steps", "7")], "2026-03-04", NEW)
    assert (tmp_path / "new.md").read_text().startswith("# Performance\n\n## walk\n")


@pytest.mark.parametrize(
    ("bar", "figure", "missed"),
    [
        (Bar(2.5, "times"), "2.4 (2.3 to 2.6, 3 rounds)", True),
        (Bar(2.5, "times"), "2.5 (2.3 to 2.6, 3 rounds)", False),
        (at_most(1024), "1,295", True),
        (at_most(1024), "295", False),
        (at_most(4), "failed: out of memory", False),
    ],
)
def test_a_missed_bar_is_told(bar: Bar, figure: str, missed: bool) -> None:
    assert bar.missed_by(figure) is missed


def test_a_missed_bar_stands_in_the_page(written: Path) -> None:
    page.write(written, "race", [("speed", "2.1 (2.0 to 2.2, 3 rounds)")], "2026-03-04", NEW)
    assert "| at least 2.5 times | **missed:** 2.1 | 2.0 to 2.2, 3 rounds |" in written.read_text()
