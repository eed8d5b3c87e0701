"""How one of several processes meets the others, and how it leaves."""

from __future__ import annotations

import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import NoReturn

import torch
from torch import distributed as dist
from torch.distributed.elastic.multiprocessing.errors import get_error_handler

from hdf.errors import exit_code_of
from hdf.runtime.world import World

PATIENCE = timedelta(hours=6)
"""How long a process waits for another, which may be reading a data set or drawing."""
LOST = 3
"""The exit code of a process that ended because another one had."""


@contextmanager
def joined(tell: Callable[[BaseException], int | None]) -> Iterator[World]:
    """Meet the other processes that the launcher has started.

    Args:
        tell: says what went wrong in the block and gives the exit code; None for a bug. One of
            several processes then ends at once, and its launcher ends the others.
    """
    world = World.of_environment()
    if world.size == 1:
        yield world
        return
    threading.Thread(target=_end_with_launcher, args=(os.getppid(),), daemon=True).start()
    gpus = torch.cuda.is_available() and dist.is_nccl_available()
    dist.init_process_group("cpu:gloo,cuda:nccl" if gpus else "gloo", timeout=PATIENCE)
    try:
        yield world
    except BaseException as error:
        _end(world, error, tell)
    dist.destroy_process_group()
    if not world.is_writer:
        _exit(0)


def _end(
    world: World, error: BaseException, tell: Callable[[BaseException], int | None]
) -> NoReturn:
    """Leave without tidying up, which might wait for the others, who may wait for this process."""
    _exit(LOST if is_lost(error) else _told(world, error, tell))


def _exit(code: int) -> NoReturn:
    """Leave without the interpreter's own end.

    A thread of gloo's that still lets go of a tensor then would abort the process now and then
    (github.com/pytorch/pytorch/pull/179291). Nothing but the writer has anything to tidy up.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _told(world: World, error: BaseException, tell: Callable[[BaseException], int | None]) -> int:
    if isinstance(error, KeyboardInterrupt):
        return exit_code_of(error)  # told by the launcher, once
    get_error_handler().record_exception(error)  # for the launcher
    if not world.is_writer:
        print(f"process {world.rank} (of {world.size}, counted from 0):", file=sys.stderr)
    code = tell(error)
    if code is None:
        traceback.print_exception(error)
    return 1 if code is None else code


def _end_with_launcher(launcher: int) -> None:
    """A process whose launcher was killed would train on, with nobody to end it."""
    while os.getppid() == launcher:
        time.sleep(1.0)
    os._exit(LOST)


def is_lost(error: BaseException) -> bool:
    """Whether an error says that another process has gone away, and no more than that."""
    kinds = (dist.DistBackendError, dist.DistNetworkError, dist.DistStoreError)
    return isinstance(error, kinds) or (isinstance(error, RuntimeError) and "gloo" in str(error))
