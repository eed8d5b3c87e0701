"""Samples are read in order, by threads or processes, whatever they are."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor

from hdf import Sample, UserError
from hdf.data.store import build_store
from hdf.registry.registry import discover
from hdf.runtime import workers
from hdf.runtime.workers import map_samples


def image(number: int) -> Tensor:
    return torch.full((1, 4, 4), number / 100)


def read(sample: Sample) -> tuple[str, int]:
    return f"{float(sample.read()[0, 0, 0]) * 100:.0f}", os.getpid()


def samples(count: int, start: int = 0) -> list[Sample]:
    return [slow(str(n), partial(image, n)) for n in range(start, count)]


slow = partial(Sample, reads_in="processes")


@pytest.mark.parametrize("count", [0, 1, 3, 4, 5, 60])
def test_files_are_read_in_order_in_this_process(count: int) -> None:
    found = list(map_samples(read, samples(count)))
    assert [text for text, _ in found] == [str(n) for n in range(count)]
    assert {process for _, process in found} <= {os.getpid()}


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> int:
    """Let processes take over at once; how many samples are read before."""
    monkeypatch.setattr(workers, "WORTH_PROCESSES", -1.0)
    monkeypatch.setattr(workers, "workers", lambda: 2)
    return 2


def test_slow_samples_are_read_by_processes(impatient: int) -> None:
    found = list(map_samples(read, samples(40)))
    assert [text for text, _ in found] == [str(n) for n in range(40)]
    assert {process for _, process in found[:impatient]} == {os.getpid()}
    assert os.getpid() not in {process for _, process in found[impatient:]}


def test_each_source_is_read_where_it_says(impatient: int) -> None:
    files = [Sample(str(n), partial(image, n)) for n in range(20)]
    found = list(map_samples(read, [*files, *samples(40, 20), *files]))
    assert [text for text, _ in found] == [*map(str, range(40)), *map(str, range(20))]
    elsewhere = [process != os.getpid() for _, process in found]
    assert elsewhere == [False] * (20 + impatient) + [True] * (20 - impatient) + [False] * 20


def test_a_few_slow_samples_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "workers", lambda: 2)
    assert {process for _, process in map_samples(read, samples(40))} == {os.getpid()}


@pytest.mark.parametrize("first", [0, 20, 30])
def test_what_cannot_be_pickled_is_read_by_threads(impatient: int, first: int) -> None:
    given = samples(first)
    given += [slow(str(n), lambda n=n: image(n)) for n in range(first, 40)]  # type: ignore[misc]
    assert [text for text, _ in map_samples(read, given)] == [str(n) for n in range(40)]


def test_torch_computes_in_one_thread_meanwhile() -> None:
    before = torch.get_num_threads()
    results = map_samples(lambda sample: torch.get_num_threads(), samples(5))
    assert list(results) == [1] * 5
    assert torch.get_num_threads() == before


ENDLESS = """
import time
from functools import partial
from hdf import Sample
from hdf.runtime import workers
from tests.runtime.test_workers import endless
if __name__ == "__main__":
    workers.WORTH_PROCESSES = -1.0
    workers.workers = lambda: 2
    given = [Sample(str(n), partial(endless, n), reads_in="processes") for n in range(10**6)]
    for number in workers.map_samples(endless, given):
        print(number, flush=True)
"""


def endless(sample: Sample) -> int:
    return os.getpid()


def test_workers_end_with_a_killed_process() -> None:
    command = [sys.executable, "-c", ENDLESS]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout
        while int(process.stdout.readline()) == process.pid:
            pass
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)  # until the last one that holds the pipe has ended


def test_ctrl_c_ends_workers_without_a_word() -> None:
    command = [sys.executable, "-c", ENDLESS]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, **pipes, start_new_session=True) as process:
        assert process.stdout
        while int(process.stdout.readline()) == process.pid:
            pass
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        said = process.communicate(timeout=60)[1].decode()
    assert said.count("Traceback") == said.count("\nKeyboardInterrupt") == 1, said


def die(parent: int, number: int) -> Tensor:
    if os.getpid() != parent:
        os._exit(1)
    return image(number)


def test_a_worker_that_dies_loses_nothing(impatient: int) -> None:
    given = [slow(str(n), partial(die, os.getpid(), n)) for n in range(40)]
    found = list(map_samples(read, given))
    assert [text for text, _ in found] == [str(n) for n in range(40)]
    assert {process for _, process in found} == {os.getpid()}


def test_single_file_plugins_stay_in_this_process(impatient: int, tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(
        "import torch\nfrom functools import partial\nimport hdf\n"
        "def image(n): return torch.full((1, 4, 4), n / 100)\n"
        "class Slow:\n"
        "    def records(self): return [hdf.Sample(str(n), partial(image, n),"
        " reads_in='processes') for n in range(40)]\n"
        "@hdf.hookimpl\ndef hdf_loaders(register): register('slow', Slow)\n"
    )
    loader = discover(tmp_path).find("loader", "slow").load()()
    assert {process for _, process in map_samples(read, loader.records())} == {os.getpid()}


def test_faults_come_back_from_processes(impatient: int) -> None:
    given = [*samples(30), Sample.broken("bad", "hearts.csv:9: no image")]
    with pytest.raises(UserError, match=r"^hearts.csv:9: no image$"):
        build_store(given, ("heart",), (16, 16))
