"""Reading many samples on all cores."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from itertools import islice
from typing import TypeVar

import torch

from hdf.types import Sample

Result = TypeVar("Result")

PROBED = 4
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
    yield from _run(ThreadPoolExecutor(os.cpu_count()), read, rest[done:])


def _run(
    pool: Executor, read: Callable[[Sample], Result], samples: Sequence[Sample]
) -> Iterator[Result]:
    """Results in order; never more samples under way than a few for each worker."""
    ahead = 8 * (os.cpu_count() or 1)
    with pool:
        waiting = iter(samples)
        under_way = [pool.submit(read, sample) for sample in islice(waiting, ahead)]
        for position in range(len(samples)):
            yield under_way[position].result()
            under_way += [pool.submit(read, sample) for sample in islice(waiting, 1)]


def _can_be_sent(read: Callable[[Sample], Result], samples: Sequence[Sample]) -> bool:
    try:
        pickle.dumps((read, samples[0]))
    except Exception:  # pickling calls code of the sample's, which may raise anything
        return False
    return True


def _processes() -> ProcessPoolExecutor:
    # A forked child would inherit the locks of torch's threads.
    return ProcessPoolExecutor(
        os.cpu_count(),
        mp_context=multiprocessing.get_context("spawn"),
        initializer=partial(torch.set_num_threads, 1),
    )
