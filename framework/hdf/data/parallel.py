"""Reading many samples on all cores."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from itertools import islice
from typing import TypeVar

import torch

from hdf.discovery import FOLDER_MODULE
from hdf.types import Sample

Result = TypeVar("Result")

PROBED = 4
MOST_WORKERS = 16
WORTH_PROCESSES = 8.0
"""Seconds of reading in one process from which starting others pays."""


def map_samples(read: Callable[[Sample], Result], samples: Sequence[Sample]) -> Iterator[Result]:
    """`read` of every sample, in order.

    Threads serve files, whose decoders let go of Python's lock. Where the first samples turn out to
    be slow, as generated ones are, and can be pickled, processes take over. A sample that no other
    process can load, such as one of a single-file plugin, is read by threads all the same.
    """
    began = time.perf_counter()
    for sample in samples[:PROBED]:
        yield read(sample)
    rest = samples[PROBED:]
    seconds = (time.perf_counter() - began) / PROBED * len(rest)
    done = 0
    if seconds > WORTH_PROCESSES and _can_be_sent(read, rest):
        try:
            for result in _run(_processes(), read, rest):
                yield result
                done += 1
        except BrokenProcessPool:
            pass
    yield from _run(ThreadPoolExecutor(_workers()), read, rest[done:])


def _run(
    pool: Executor, read: Callable[[Sample], Result], samples: Sequence[Sample]
) -> Iterator[Result]:
    """Results in order; never more samples under way than a few for each worker."""
    with pool:
        waiting = iter(samples)
        under_way = deque(pool.submit(read, sample) for sample in islice(waiting, 8 * _workers()))
        while under_way:
            yield under_way.popleft().result()
            under_way.extend(pool.submit(read, sample) for sample in islice(waiting, 1))


def _can_be_sent(read: Callable[[Sample], Result], samples: Sequence[Sample]) -> bool:
    try:
        sent = pickle.dumps((read, samples[0]))
    except Exception:  # pickling calls code of the sample's, which may raise anything
        return False
    return FOLDER_MODULE.encode() not in sent  # only this process has loaded such a module


def _workers() -> int:
    """Cores that this process may use; each worker process imports torch, so not too many."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min(allowed or 1, MOST_WORKERS)


def _processes() -> ProcessPoolExecutor:
    # A forked child would inherit the locks of torch's threads.
    return ProcessPoolExecutor(
        _workers(),
        mp_context=multiprocessing.get_context("spawn"),
        initializer=partial(torch.set_num_threads, 1),
    )
