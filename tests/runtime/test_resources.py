"""What a container leaves: memory without the files it can give back, and processors' time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from hdf.runtime import resources
from hdf.runtime.resources import available_bytes, cores, system_memory
from hdf.tools.doctor import machine

MIB = 2**20
SECOND = {
    "memory.max": f"{64 * MIB}\n",
    "memory.current": f"{60 * MIB}\n",
    "memory.stat": f"anon {5 * MIB}\ninactive_file {50 * MIB}\nactive_file {5 * MIB}\n",
    "cpu.max": "150000 100000\n",
}
FIRST = {
    "memory/memory.limit_in_bytes": f"{64 * MIB}\n",
    "memory/memory.usage_in_bytes": f"{60 * MIB}\n",
    "memory/memory.stat": f"inactive_file 0\ntotal_inactive_file {50 * MIB}\n",
    "cpu/cpu.cfs_quota_us": "150000\n",
    "cpu/cpu.cfs_period_us": "100000\n",
}
NONE = {"memory.max": "max\n", "memory.current": "1\n", "cpu.max": "max 100000\n"}
OWN = {"second": "0::/job/step\n", "first": "4:memory:/job/step\n2:cpu,cpuacct:/job/step\n"}


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(resources, "TREE", tmp_path / "tree")
    monkeypatch.setattr(resources, "OWN", tmp_path / "own")
    monkeypatch.setattr("os.sched_getaffinity", lambda process: range(8), raising=False)
    resources._group_cores.cache_clear()
    yield tmp_path / "tree"
    resources._group_cores.cache_clear()


def write(tree: Path, version: str, files: dict[str, str], below: str = "") -> None:
    tree.with_name("own").write_text(OWN[version])
    for name, text in files.items():
        controller, _, file = name.rpartition("/")
        folder = tree / controller / below
        folder.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(text)


@pytest.mark.parametrize("below", ["", "job", "job/step"])
@pytest.mark.parametrize(("version", "files"), [("second", SECOND), ("first", FIRST)])
def test_the_group_s_limits_hold_wherever_they_are_set(
    tree: Path, version: str, files: dict[str, str], below: str
) -> None:
    write(tree, version, files, below)
    assert available_bytes(torch.device("cpu")) == 54 * MIB
    assert system_memory() == (64 * MIB, 54 * MIB)
    assert cores() == 2


def test_the_narrowest_group_decides(tree: Path) -> None:
    write(tree, "second", SECOND)
    write(tree, "second", {"cpu.max": "50000 100000", "memory.max": "max"}, "job/step")
    assert cores() == 1
    assert resources._group_memory() == (64 * MIB, 54 * MIB)


@pytest.mark.parametrize("files", [NONE, {}])
def test_without_a_limit_the_machine_s_own_figures_hold(tree: Path, files: dict[str, str]) -> None:
    write(tree, "second", files)
    assert resources._group_memory() is None
    assert cores() == 8


def test_the_first_version_s_sign_of_no_quota(tree: Path) -> None:
    write(tree, "first", {**FIRST, "cpu/cpu.cfs_quota_us": "-1\n"})
    assert cores() == 8


def test_doctor_tells_of_threads_that_a_quota_keeps_back(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tree, "second", SECOND)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 8)
    found = next(item for item in machine.processor() if item.name == "cores")
    assert (found.state, found.advice) == ("note", "set OMP_NUM_THREADS=2")
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    found = next(item for item in machine.processor() if item.name == "cores")
    assert (found.state, found.value) == ("ok", "2")
