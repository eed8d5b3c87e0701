"""Reading many samples on all cores."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from itertools import chain, groupby, islice
from typing import Any, TypeVar

import torch

from hdf.registry.discovery import FOLDER_MODULE
from hdf.runtime.resources import cores
from hdf.types import Sample

Item = TypeVar("Item")
Result = TypeVar("Result")

AHEAD = 8
"""Samples under way for each worker."""
MOST_WORKERS = 16
WORTH_PROCESSES = 3.0
"""Seconds that processes must save, about what starting them takes."""


def map_samples(read: Callable[[Sample], Result], samples: Sequence[Sample]) -> Iterator[Result]:
    """`read` of every sample, in order, where `Sample.reads_in` says.

    Processes take over only where much remains to be read, and the samples can be sent to them,
    which those of a single-file plugin can't. Otherwise this thread reads: several threads that
    wait for one interpreter take longer than one.
    """
    with one_torch_thread():
        for _, alike in groupby(samples, key=lambda sample: sample.reads_in):
            yield from _map_alike(read, list(alike))


def _map_alike(read: Callable[[Sample], Result], samples: Sequence[Sample]) -> Iterator[Result]:
    seconds, rest = 0.0, samples[2:]
    for sample in samples[:2]:  # one thread imports the decoders, then the time of one is known
        began = time.thread_time()  # what others take of a busy machine is no work
        result = read(sample)
        seconds = time.thread_time() - began
        yield result
    if samples[0].reads_in == "threads":
        yield from in_order(ThreadPoolExecutor(workers()), read, rest)
        return
    done, saved = 0, seconds * len(rest) * (1 - 1 / workers())
    if saved > WORTH_PROCESSES:
        with suppress(BrokenProcessPool, pickle.PicklingError):
            for result in _by_processes(read, rest):
                done += 1
                yield result
    yield from map(read, rest[done:])


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """Let torch compute in one thread where threads of ours share the cores already."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def in_order(
    pool: Executor, call: Callable[[Item], Result], items: Iterable[Item], ahead: int = 0
) -> Iterator[Result]:
    """Results in order, `ahead` items under way, or a few for each worker; ends with the pool."""
    try:
        waiting = iter(items)
        first = islice(waiting, ahead or AHEAD * workers())
        under_way = deque(pool.submit(call, item) for item in first)
        while under_way:
            yield under_way.popleft().result()
            under_way.extend(pool.submit(call, item) for item in islice(waiting, 1))
    finally:
        pool.shutdown(cancel_futures=True)


def _by_processes(read: Callable[[Sample], Result], samples: Sequence[Sample]) -> Iterator[Result]:
    # As bytes: torch would open a socket and share memory for the few numbers of each tensor.
    sent = (_packed(read, sample) for sample in samples)
    first = list(islice(sent, 1))  # before processes are started
    # A forked child would inherit the locks of torch's threads.
    spawn = multiprocessing.get_context("spawn")
    pool = Processes(workers(), mp_context=spawn, initializer=_start_worker)
    for packed in in_order(pool, _read_packed, chain(first, sent)):
        yield pickle.loads(packed)


def _packed(read: Callable[[Sample], Result], sample: Sample) -> bytes:
    """Raises a `pickle.PicklingError` where no other process could load the sample."""
    try:
        packed = pickle.dumps((read, sample))
    except Exception as error:  # pickling calls code of the sample's, which may raise anything
        raise pickle.PicklingError from error
    if FOLDER_MODULE.encode() in packed:  # only this process has loaded such a module
        raise pickle.PicklingError
    return packed


def _read_packed(packed: bytes) -> bytes:
    read, sample = pickle.loads(packed)
    return pickle.dumps(read(sample))


def workers() -> int:
    """How many read at once; each worker process imports torch, so not too many."""
    return min(cores(), MOST_WORKERS)


class Processes(ProcessPoolExecutor):
    """Processes that Ctrl-C ends without a word; their initializer calls `end_with_parent`."""

    def submit(self, *arguments: Any, **named: Any) -> Future[Any]:
        """As every executor; processes are started here.

        SIGINT waits until their initializer: Python would tell of it amid their imports.
        """
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            return super().submit(*arguments, **named)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start_worker() -> None:
    torch.set_num_threads(1)
    end_with_parent()


def end_with_parent() -> None:
    """Let this worker process end where its parent was killed; it would wait for work for ever.

    Ctrl-C, which a terminal sends to both, ends it at once; the parent tells of it.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    threading.Thread(target=_wait_for_parent, daemon=True).start()


def _wait_for_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
