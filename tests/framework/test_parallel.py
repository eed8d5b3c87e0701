"""Samples are read in order, by threads or processes, whatever they are."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor

from hdf import Sample, UserError
from hdf.data import parallel
from hdf.data.parallel import map_samples
from hdf.data.store import build_store
from hdf.registry import discover


def image(number: int) -> Tensor:
    return torch.full((1, 4, 4), number / 100)


def read(sample: Sample) -> tuple[str, int]:
    return f"{float(sample.read()[0, 0, 0]) * 100:.0f}", os.getpid()


def samples(count: int) -> list[Sample]:
    return [Sample(str(n), partial(image, n)) for n in range(count)]


@pytest.mark.parametrize("count", [0, 1, 3, 4, 5, 60])
def test_files_are_read_in_order_in_this_process(count: int) -> None:
    found = list(map_samples(read, samples(count)))
    assert [text for text, _ in found] == [str(n) for n in range(count)]
    assert {process for _, process in found} <= {os.getpid()}


def test_slow_samples_are_read_by_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "WORTH_PROCESSES", 0.0)
    found = list(map_samples(read, samples(40)))
    assert [text for text, _ in found] == [str(n) for n in range(40)]
    assert os.getpid() not in {process for _, process in found[parallel.PROBED :]}


def test_what_cannot_be_pickled_is_read_by_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "WORTH_PROCESSES", 0.0)
    given = [Sample(str(n), lambda n=n: image(n)) for n in range(10)]  # type: ignore[misc]
    assert [text for text, _ in map_samples(read, given)] == [str(n) for n in range(10)]


def die(parent: int, number: int) -> Tensor:
    if os.getpid() != parent:
        os._exit(1)
    return image(number)


def test_a_worker_that_dies_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "WORTH_PROCESSES", 0.0)
    given = [Sample(str(n), partial(die, os.getpid(), n)) for n in range(10)]
    found = list(map_samples(read, given))
    assert [text for text, _ in found] == [str(n) for n in range(10)]
    assert {process for _, process in found} == {os.getpid()}


def test_single_file_plugins_stay_in_this_process(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(parallel, "WORTH_PROCESSES", 0.0)
    (tmp_path / "slow.py").write_text(
        "import torch\nfrom functools import partial\nimport hdf\n"
        "def image(n): return torch.full((1, 4, 4), n / 100)\n"
        "class Slow:\n"
        "    def records(self): return [hdf.Sample(str(n), partial(image, n)) for n in range(9)]\n"
        "@hdf.hookimpl\ndef hdf_loaders(register): register('slow', Slow)\n"
    )
    loader = discover(tmp_path).find("loader", "slow").load()()
    assert {process for _, process in map_samples(read, loader.records())} == {os.getpid()}


def test_faults_come_back_from_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "WORTH_PROCESSES", 0.0)
    given = [*samples(6), Sample.broken("bad", "hearts.csv:9: no image")]
    with pytest.raises(UserError, match=r"^hearts.csv:9: no image$"):
        build_store(given, ("heart",), (16, 16))
