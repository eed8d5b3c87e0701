"""Reading many samples on all cores."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from itertools import chain, islice, takewhile
from pathlib import Path
from typing import ParamSpec, TypeVar

import torch

from hdf.registry.discovery import FOLDER_MODULE
from hdf.runtime import cgroup
from hdf.types import Sample

Item = TypeVar("Item")
Result = TypeVar("Result")
P = ParamSpec("P")

AHEAD = 8
"""Samples under way for each worker."""
MOST_WORKERS = 16
JUDGED_AFTER = 1.0
"""Seconds of reading from which it is judged whether threads do."""
WORTH_PROCESSES = 8.0
"""Seconds that other processes must save, about twice what starting them takes."""

IDLE = 0.22
"""The part of the cores from which threads are thought to wait for Python's lock.

On two cores, decoders leave a sixth idle, and phantoms, which are Python's own work, a third.
"""


class _UnsendableError(Exception):
    """No other process could load a sample."""


def map_samples(read: Callable[[Sample], Result], samples: Sequence[Sample]) -> Iterator[Result]:
    """`read` of every sample, in order.

    Threads serve decoders that let go of Python's lock, as those of files do. Where they leave
    cores idle, as with generated samples, and much remains, processes take over. A sample that no
    other process can load, such as one of a single-file plugin, is read by threads all the same,
    and so are those after it.
    """
    done = 0
    suffice = _Judge(len(samples)).threads_suffice
    readers: list[Callable[[Sequence[Sample]], Iterator[Result]]] = [
        lambda rest: map(read, rest[:1]),  # one thread imports the decoders
        lambda rest: _by_threads(read, takewhile(suffice, rest)),
        lambda rest: _by_processes(read, rest),
        lambda rest: _by_threads(read, rest),
    ]
    with one_torch_thread():
        while done < len(samples):
            with suppress(BrokenProcessPool, _UnsendableError):
                for result in readers.pop(0)(samples[done:]):
                    done += 1
                    yield result


class _Judge:
    """Whether threads keep the cores busy, judged again and again.

    Args:
        total: the number of samples.
    """

    def __init__(self, total: int) -> None:
        self.total, self.asked = total, 0
        self.last = (0, 0.0, 0.0, 0.0)

    def threads_suffice(self, sample: Sample) -> bool:
        """To be asked before each sample is given to a thread."""
        self.asked += 1
        now = (self.asked, time.perf_counter(), time.process_time(), _idle_seconds())
        count, seconds, used, idle = (b - a for a, b in zip(self.last, now, strict=True))
        if self.asked <= AHEAD * workers():  # which are given at once
            self.last = now
        elif seconds > JUDGED_AFTER:
            self.last = now
            unused = min(1 - used / seconds / workers(), idle / seconds / workers())
            saved = seconds / count * (self.total - self.asked) * unused
            return unused < IDLE or saved <= WORTH_PROCESSES
        return True


def _idle_seconds() -> float:
    """Seconds that the machine's cores had nothing to do, whoever wanted them; see proc(5).

    What others do at low priority counts as nothing: it makes room.
    """
    try:
        ticks = Path("/proc/stat").read_text(encoding="ascii").split(maxsplit=6)
    except OSError:  # not Linux: nobody else is known
        return time.perf_counter() * workers()
    low = int(ticks[2]) if os.getpriority(os.PRIO_PROCESS, 0) <= 0 else 0
    return (int(ticks[4]) + low) / os.sysconf("SC_CLK_TCK")


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """Let torch compute in one thread: several threads of ours share the cores already.

    Its own would wait for each other in loops that keep the cores from the others.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def in_order(
    pool: Executor, call: Callable[[Item], Result], items: Iterable[Item]
) -> Iterator[Result]:
    """Results in order; never more items under way than a few for each worker.

    The pool is shut down at the end. Where that comes early, what was not begun never is.
    """
    try:
        waiting = iter(items)
        under_way = deque(pool.submit(call, item) for item in islice(waiting, AHEAD * workers()))
        while under_way:
            yield under_way.popleft().result()
            under_way.extend(pool.submit(call, item) for item in islice(waiting, 1))
    finally:
        pool.shutdown(cancel_futures=True)


def _by_threads(read: Callable[[Sample], Result], samples: Iterable[Sample]) -> Iterator[Result]:
    return in_order(ThreadPoolExecutor(workers()), read, samples)


def _by_processes(read: Callable[[Sample], Result], samples: Sequence[Sample]) -> Iterator[Result]:
    # As bytes: torch would open a socket and share memory for the few numbers of each tensor.
    sent = (_packed(read, sample) for sample in samples)
    first = list(islice(sent, 1))  # before processes are started
    for packed in in_order(_processes(), _read_packed, chain(first, sent)):
        yield pickle.loads(packed)


def _packed(read: Callable[[Sample], Result], sample: Sample) -> bytes:
    try:
        packed = pickle.dumps((read, sample))
    except Exception as error:  # pickling calls code of the sample's, which may raise anything
        raise _UnsendableError from error
    if FOLDER_MODULE.encode() in packed:  # only this process has loaded such a module
        raise _UnsendableError
    return packed


def _read_packed(packed: bytes) -> bytes:
    read, sample = pickle.loads(packed)
    return pickle.dumps(read(sample))


def workers() -> int:
    """How many read at once; each worker process imports torch, so not too many."""
    return min(cores(), MOST_WORKERS)


def cores() -> int:
    """Cores that this process may use, by its affinity and the quota of its control group."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(allowed or 1, cgroup.processors() or sys.maxsize))


class Processes(ProcessPoolExecutor):
    """Processes that Ctrl-C ends without a word; their initializer calls `end_with_parent`."""

    def submit(
        self, call: Callable[P, Result], /, *arguments: P.args, **named: P.kwargs
    ) -> Future[Result]:
        """As every executor; processes are started here.

        Until their initializer SIGINT waits: Python would tell of it amid their imports.
        """
        with _sigint_waits():
            return super().submit(call, *arguments, **named)


@contextmanager
def _sigint_waits() -> Iterator[None]:
    """SIGINT comes after the block, here and in processes that are started in it."""
    if sys.platform == "win32":  # which can't hold signals back
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _processes() -> Processes:
    # A forked child would inherit the locks of torch's threads.
    spawn = multiprocessing.get_context("spawn")
    return Processes(workers(), mp_context=spawn, initializer=_start_worker)


def _start_worker() -> None:
    torch.set_num_threads(1)
    end_with_parent()


def end_with_parent() -> None:
    """Let this worker process end where its parent was killed; it would wait for work for ever.

    Ctrl-C, which a terminal sends to both, ends it at once; the parent tells of it.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    if sys.platform != "win32":
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    threading.Thread(target=_wait_for_parent, daemon=True).start()


def _wait_for_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
