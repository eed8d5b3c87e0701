"""Sides of a comparison that are processes: what they print, and what is said without them."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks import NAMES, sides
from benchmarks.bars import BARS
from benchmarks.ours.imports import by_package
from benchmarks.sides import NotMeasuredError, parsed, peer
from benchmarks.timing import in_turns, ratio, spread

PEERS = sorted((Path(sides.__file__).parent / "peers").glob("*.py"))


def test_the_last_json_line_counts() -> None:
    printed = 'Epoch 1/3\n{"images_per_second": 1.5}\n{"images_per_second": 2.5}\nbye\n'
    assert parsed(printed) == {"images_per_second": 2.5}


def test_no_figures_are_told() -> None:
    with pytest.raises(NotMeasuredError, match="failed: it printed no figures"):
        parsed("Epoch 1/3\n")


def test_a_missing_environment_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HDF_PEERS", raising=False)
    with pytest.raises(NotMeasuredError, match=r"skipped: HDF_PEERS is not set; .*README"):
        peer("classic_script")


def test_an_interpreter_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HDF_PEERS", "/no/such/python")
    with pytest.raises(NotMeasuredError, match=r"skipped: HDF_PEERS .*/no/such/python is no file"):
        peer("classic_script")


@pytest.fixture
def scripts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of peers of this test's own, run by this Python."""
    (tmp_path / "peers").mkdir()
    monkeypatch.setattr(sides, "HERE", tmp_path)
    monkeypatch.setenv("HDF_PEERS", sys.executable)
    return tmp_path / "peers"


def test_a_peer_gets_its_options_and_no_path_to_hdf(
    scripts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", "somewhere")
    text = "import json, os, sys\n"
    text += "print(json.dumps([]))\n"
    text += "print(json.dumps({'words': sys.argv[1:], 'path': os.environ.get('PYTHONPATH')}))\n"
    (scripts / "echo.py").write_text(text)
    assert peer("echo", "--side", 32) == {"words": ["--side", "32"], "path": None}


def test_a_peer_that_fails_says_why(scripts: Path) -> None:
    (scripts / "broken.py").write_text("raise ValueError('no image')\n")
    with pytest.raises(NotMeasuredError, match="failed: ValueError: no image"):
        peer("broken")


def test_a_side_without_figures_does_not_stop_the_others() -> None:
    def absent() -> float:
        raise NotMeasuredError("skipped: not here")

    found = in_turns({"ours": lambda: 3.0, "theirs": absent}, 2)
    assert found == {"ours": [3.0, 3.0], "theirs": "skipped: not here"}
    assert ratio(found["ours"], found["theirs"]) == "skipped: not here"
    assert spread(found["ours"], 1) == "3.0 (3.0 to 3.0, 2 rounds)"


def test_rounds_begin_with_another_side_each_time() -> None:
    order: list[str] = []

    def side(name: str):  # type: ignore[no-untyped-def]
        return lambda: order.append(name) or 1.0

    in_turns({name: side(name) for name in "abc"}, 2)
    assert order == ["a", "b", "c", "b", "c", "a"]


@pytest.mark.parametrize("script", PEERS, ids=lambda path: path.stem)
def test_a_peer_needs_no_hdf(script: Path) -> None:
    lines = script.read_text(encoding="utf-8").splitlines()
    imports = [line.split()[1] for line in lines if line.lstrip().startswith(("import ", "from "))]
    assert not {"hdf", "hdf_plugins", "benchmarks"} & {name.partition(".")[0] for name in imports}


def test_bars_are_of_benchmarks_that_there_are() -> None:
    assert set(BARS) <= set(NAMES)


@pytest.mark.parametrize("name", ["growth", "time-to-quality", "vgg-training"])
def test_bars_are_of_rows_that_there_are(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row that is renamed must not lose its bar in silence."""
    module = importlib.import_module(f"benchmarks.{name.replace('-', '_')}")
    keys = ("images_per_second", "milliseconds_an_image", "peak_mib", "float32", "bfloat16")
    keys = (*keys, "an_image", "reached", "best", "epochs", "trained")
    monkeypatch.setenv("HDF_TEST_DATA", "no-such-folder")
    for side in ("ours", "peer"):
        monkeypatch.setattr(module, side, lambda *options: dict.fromkeys(keys, 2.0), raising=False)
    assert set(BARS[name]) <= {what for what, _ in module.rows()}


def test_an_unknown_benchmark_is_told() -> None:
    command = [sys.executable, "-m", "benchmarks", "sped"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert done.returncode == 2
    assert "no benchmark is called 'sped'; there are: ablation" in done.stderr


def test_imports_are_summed_by_package() -> None:
    said = (
        "import time: self [us] | cumulative | imported package\n"
        "import time:      1000 |       1000 |   json\n"
        "import time:       500 |       1500 | hdf.boxes\n"
        "import time:       250 |       1750 | hdf\n"
    )
    assert by_package(said) == {"standard library": 1.0, "hdf": 0.75}
