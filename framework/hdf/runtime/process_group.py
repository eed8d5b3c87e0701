"""Several processes that train one detector: how they meet, talk and leave."""

from __future__ import annotations

import os
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NoReturn, TypeVar

import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.distributed.elastic.multiprocessing.errors import get_error_handler
from torch.nn.parallel import DistributedDataParallel

from hdf.errors import exit_code_of, user_error
from hdf.runtime.world import ALONE, World

Value = TypeVar("Value")

PATIENCE = timedelta(hours=6)
"""How long a process waits for another, which may be reading a data set or drawing."""
VARIABLES = ("RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
"""What each of several processes needs to know, beside ``WORLD_SIZE``."""
LOST = 3
"""The exit code of a process that ended because another one had."""


@dataclass(frozen=True)
class ProcessGroup(World):
    """A `World` of several processes, which talk through torch.distributed."""

    def device(self, name: str) -> str:
        if name == "cpu" or (name == "auto" and not torch.cuda.is_available()):
            return name
        if name not in ("auto", "cuda"):
            message = f"{name!r} is one device for {self.size} processes; use cuda, cpu or auto"
            raise user_error(message)
        found = torch.cuda.device_count()
        if self.local_rank >= found:
            message = f"process {self.rank} has no GPU: the machine has {found}; start as many"
            raise user_error(message)
        return f"cuda:{self.local_rank}"

    def replicate(self, module: nn.Module) -> nn.Module:
        with warnings.catch_warnings():
            # The name that takes its place is younger than the oldest torch that hdf works with.
            warnings.filterwarnings("ignore", "`broadcast_buffers` is deprecated", FutureWarning)
            # A static graph may have parameters that nothing uses, as some backbones' last stages.
            return DistributedDataParallel(
                module, broadcast_buffers=False, gradient_as_bucket_view=True, static_graph=True
            )

    @torch.no_grad()
    def average_buffers(self, module: nn.Module) -> None:
        buffers = [buffer for buffer in module.buffers() if buffer.is_floating_point()]
        if not buffers:
            return
        # In double precision the mean of equal numbers is that number, to the bit.
        flat = torch.cat([buffer.double().flatten() for buffer in buffers])
        dist.all_reduce(flat)
        means = torch.split(flat / self.size, [buffer.numel() for buffer in buffers])
        for buffer, mean in zip(buffers, means, strict=True):
            buffer.copy_(mean.view_as(buffer))

    def total(self, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
        if not values:
            return {}
        stacked = torch.stack([value.double() for value in values.values()]).cpu()
        dist.all_reduce(stacked)
        return dict(zip(values, stacked.unbind(), strict=True))

    def most(self, *values: int) -> tuple[int, ...]:
        found = torch.tensor(values)  # on the CPU, where waiting costs nothing
        dist.all_reduce(found, dist.ReduceOp.MAX)
        return tuple(found.tolist())

    def gather(self, value: Value) -> list[Value]:
        found: list[Any] = [None] * self.size
        dist.all_gather_object(found, value)
        return found

    def broadcast(self, value: Value) -> Value:
        found = [value]
        dist.broadcast_object_list(found)
        return found[0]

    def broadcast_tensor(self, value: Tensor | None) -> Tensor:
        like = self.broadcast(None if value is None else (value.shape, value.dtype))
        assert like is not None
        found = value.contiguous() if value is not None else torch.empty(like[0], dtype=like[1])
        dist.broadcast(found, 0)
        return found

    def has_lost(self, error: BaseException) -> bool:
        kinds = (dist.DistBackendError, dist.DistNetworkError, dist.DistStoreError)
        return isinstance(error, kinds) or (
            isinstance(error, RuntimeError) and "gloo" in str(error)
        )


def world_of_environment() -> World:
    """As torchrun describes it; `ALONE` where ``WORLD_SIZE`` is 1 or is not set.

    A `UserError` where a variable is missing or wrong: each process would train alone, as a writer.
    """
    size = os.environ.get("WORLD_SIZE") or "1"
    if size == "1":
        return ALONE
    values = [os.environ.get(name, "") for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK")]
    absent = [name for name in VARIABLES if not os.environ.get(name)]
    if not absent and all(map(str.isdecimal, values)) and int(values[0]) < int(size):
        return ProcessGroup(*map(int, values))
    wrong = "RANK is no whole number below it, or LOCAL_RANK is none"
    if absent:
        wrong = f"{', '.join(absent)} {'is' if len(absent) == 1 else 'are'} not set"
    advice = "start the processes with torchrun, which sets all; for one, unset WORLD_SIZE"
    raise user_error(f"WORLD_SIZE is {size}, but {wrong}; {advice}", "environment")


@contextmanager
def joined(tell: Callable[[BaseException], int | None]) -> Iterator[World]:
    """Meet the other processes that the launcher has started.

    Where the block fails, `tell` says why and gives the exit code, None for a bug; this process
    then ends at once, and the launcher ends the others.
    """
    world = world_of_environment()
    if world.size == 1:
        yield world
        return
    threading.Thread(target=_end_with_launcher, args=(os.getppid(),), daemon=True).start()
    gpus = torch.cuda.is_available() and dist.is_nccl_available()
    dist.init_process_group("cpu:gloo,cuda:nccl" if gpus else "gloo", timeout=PATIENCE)
    try:
        yield world
    except BaseException as error:
        # Without tidying up, which might wait for the others, who may wait for this process.
        _exit(LOST if world.has_lost(error) else _told(world, error, tell))
    dist.destroy_process_group()
    if not world.is_writer:
        _exit(0)


def _exit(code: int) -> NoReturn:
    """Leave without the interpreter's own end, in which a thread of gloo's may abort the process
    (github.com/pytorch/pytorch/pull/179291). Nothing but the writer has anything to tidy up."""
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
