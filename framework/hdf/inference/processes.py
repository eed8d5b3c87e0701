"""Predicting for many files in several processes."""

from __future__ import annotations

import multiprocessing
import os
import pickle
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import NamedTuple, Protocol

import torch

from hdf.errors import user_error
from hdf.inference.files import Draw, FileResult, chunks_of, predict_chunk
from hdf.inference.predictor import Predictor
from hdf.runtime.resources import cores
from hdf.runtime.workers import Processes, end_with_parent, in_order


class Load(Protocol):
    """Loads a predictor; it is pickled, and called once in each process."""

    def __call__(self, *, device: str) -> Predictor: ...


def predict_in_processes(
    load: Load,
    device: str,
    paths: Sequence[Path],
    coverage: float,
    draw: Draw | None,
    count: int,
) -> Iterator[FileResult]:
    """`predict_files` in `count` processes: the results for all files, in order.

    Each process loads the models and takes a few files at a time. GPUs and cores are divided among
    the processes.

    Args:
        device: ``auto``, ``cpu``, ``cuda``, …
        draw: is pickled, and called in the processes.

    Raises:
        UserError: a process has died.
    """
    spawn = multiprocessing.get_context("spawn")
    number = spawn.Value("i", 0)
    work = _Work(load, device, coverage, draw)
    started = (number, work, max(1, cores() // count))
    pool = Processes(count, spawn, initializer=_start, initargs=started)
    try:
        for packed in in_order(pool, _predicted, chunks_of(paths, count)):
            yield from pickle.loads(packed)
    except BrokenProcessPool as error:
        message = "a process died, perhaps for lack of memory; try a smaller --nproc"
        raise user_error(message) from error


class _Work(NamedTuple):
    """What every worker process needs to know."""

    load: Load
    device: str
    coverage: float
    draw: Draw | None


_ready: list[Callable[[Sequence[Path]], list[FileResult]]] = []
"""The function that predicts in a worker process, once it has loaded the models."""


def _start(number: Synchronized[int], work: _Work, threads: int) -> None:
    end_with_parent()
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(threads)
    with number.get_lock():
        own = number.value
        number.value += 1
    predictor = work.load(device=_own_device(work.device, own))
    _ready[:] = [partial(predict_chunk, predictor, coverage=work.coverage, draw=work.draw)]


def _own_device(device: str, number: int) -> str:
    """One of the GPUs in turn, unless the user has chosen one."""
    if device not in ("auto", "cuda") or not torch.cuda.is_available():
        return device
    return f"cuda:{number % torch.cuda.device_count()}"


def _predicted(paths: Sequence[Path]) -> bytes:
    """The pickled results: torch would open a socket for each small tensor."""
    (predict,) = _ready
    return pickle.dumps(predict(paths))
