"""A few hundred hostile cases of each part, and whether the bench sees what it is to see."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from hdf.errors import Problem, UserError, user_error
from tests.faults import images, model_files, pickles, recipes, tables, watched
from tests.faults.outcome import Outcome


def tried(how: object) -> Outcome:
    outcome = Outcome()

    def call() -> str:
        if isinstance(how, BaseException):
            raise how
        return str(how() if callable(how) else how)

    watched.attempt(outcome, "case", call)
    return outcome


def test_recipes() -> None:
    found = recipes.bench(100)
    assert not found.wrong
    assert found.tried == 100 and {"in order", "refused"} <= found.counts.keys()


def test_tables() -> None:
    found = tables.bench(250)
    assert not found.wrong
    assert found.tried == 250 and {"read", "some refused", "refused"} <= found.counts.keys()


def test_images(capfd: pytest.CaptureFixture[str]) -> None:
    found = images.bench(18 * 40)
    assert not found.wrong
    assert {"read", "refused"} == found.counts.keys()
    assert capfd.readouterr() == ("", "")


def test_model_files_and_stores() -> None:
    found = model_files.bench(60)
    assert not found.wrong
    assert {"decoded again", "refused"} <= found.counts.keys()


def test_model_files_are_read_wrong_without_a_checksum(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hdf.models.file.checksum", lambda tensors, description: "")
    assert any("another" in line for line in model_files.bench(60).wrong)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_pickles() -> None:
    found = pickles.bench(176)
    assert not found.wrong
    assert found.tried == 176


def test_the_same_cases_each_time() -> None:
    assert tables.bench(80).counts == tables.bench(80).counts


def test_the_bench_tells_a_refusal_from_a_bug() -> None:
    assert tried("read").counts == {"read": 1}
    assert tried(user_error("wrong", "a.csv")).counts == {"refused": 1}
    assert "KeyError" in tried(KeyError("a")).wrong[0]
    assert "without a place" in tried(user_error("wrong")).wrong[0]
    assert "with a traceback" in tried(UserError(Problem("a", "b"), "Traceback")).wrong[0]


def test_the_bench_sees_what_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watched, "SLOWEST", 0.05)

    def turn() -> str:
        while True:
            try:
                sum(range(1000))
            except Exception:
                continue

    assert tried(turn).wrong == ["hangs -- case"]


def test_the_bench_sees_what_is_run() -> None:
    def run() -> str:
        subprocess.run([sys.executable, "-c", ""], check=True)
        return "read"

    assert "causes subprocess.Popen" in tried(run).wrong[0]


def test_a_canary_that_sings_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pickle

    def unsafe(path: Path) -> object:
        return pickle.loads(path.read_bytes())

    monkeypatch.setattr(pickles, "read_state", unsafe)
    assert any("its code ran" in line for line in pickles.bench(22).wrong)
