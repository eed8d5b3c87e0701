"""Several processes that train one detector: who does what, and how they talk.

PyTorch's launcher says through the environment which process this is. A process that is alone talks
to nobody, and torch.distributed is never initialised.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.nn.parallel import DistributedDataParallel

from hdf.errors import user_error

Value = TypeVar("Value")
VARIABLES = ("RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
"""What each of several processes needs to know, beside ``WORLD_SIZE``."""


class Share(NamedTuple):
    """The part of a batch that one process computes.

    Attributes:
        rows: its images.
        whole: images in the whole batch.
    """

    rows: slice
    whole: int

    @property
    def images(self) -> int:
        return len(range(self.whole)[self.rows])


@dataclass(frozen=True)
class World:
    """The processes of a run.

    Attributes:
        rank: of this process, from 0.
        size: how many there are.
        local_rank: of this process among those of its machine.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0

    @classmethod
    def of_environment(cls) -> World:
        """As torchrun describes it; a world of one where ``WORLD_SIZE`` is 1 or is not set.

        Raises:
            UserError: a variable is missing or wrong; each process would train alone, as a writer.
        """
        size = os.environ.get("WORLD_SIZE") or "1"
        if size == "1":
            return cls()
        values = [os.environ.get(name, "") for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK")]
        absent = [name for name in VARIABLES if not os.environ.get(name)]
        if not absent and all(map(str.isdecimal, values)) and int(values[0]) < int(size):
            return cls(*map(int, values))
        wrong = "RANK is no whole number below it, or LOCAL_RANK is none"
        if absent:
            wrong = f"{', '.join(absent)} {'is' if len(absent) == 1 else 'are'} not set"
        advice = "start the processes with torchrun, which sets all; for one, unset WORLD_SIZE"
        raise user_error(f"WORLD_SIZE is {size}, but {wrong}; {advice}", "environment")

    @property
    def is_writer(self) -> bool:
        """Whether this is the process that writes files and speaks."""
        return self.rank == 0

    def share(self, count: int) -> Share:
        """This process's part of `count` images: contiguous, sizes differing by one at most."""
        begin, end = (count * rank // self.size for rank in (self.rank, self.rank + 1))
        return Share(slice(begin, end), count)

    def device(self, name: str) -> str:
        """The device of this process where a recipe says `name`.

        Raises:
            UserError: several processes can't share it.
        """
        if self.size == 1 or name == "cpu" or (name == "auto" and not torch.cuda.is_available()):
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
        """A module whose gradients become the mean over all processes; itself in a world of one.

        All start from the writer's parameters and buffers. Buffers go their own way from there.
        """
        if self.size == 1:
            return module
        with warnings.catch_warnings():
            # The name that takes its place is younger than the oldest torch that hdf works with.
            warnings.filterwarnings("ignore", "`broadcast_buffers` is deprecated", FutureWarning)
            # A static graph may have parameters that nothing uses, as some backbones' last stages.
            return DistributedDataParallel(
                module, broadcast_buffers=False, gradient_as_bucket_view=True, static_graph=True
            )

    @torch.no_grad()
    def average_buffers(self, module: nn.Module) -> None:
        """Let all processes have the mean of their floating buffers, such as batch norm's."""
        buffers = [buffer for buffer in module.buffers() if buffer.is_floating_point()]
        if self.size == 1 or not buffers:
            return
        # In double precision the mean of equal numbers is that number, to the bit.
        flat = torch.cat([buffer.double().flatten() for buffer in buffers])
        dist.all_reduce(flat)
        means = torch.split(flat / self.size, [buffer.numel() for buffer in buffers])
        for buffer, mean in zip(buffers, means, strict=True):
            buffer.copy_(mean.view_as(buffer))

    def total(self, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The sums over all processes of scalars, which must have the same names in each."""
        if self.size == 1 or not values:
            return dict(values)
        stacked = torch.stack([value.double() for value in values.values()]).cpu()
        dist.all_reduce(stacked)
        return dict(zip(values, stacked.unbind(), strict=True))

    def most(self, *values: int) -> tuple[int, ...]:
        """The largest of each over all processes; for agreeing on what to do next."""
        if self.size == 1:
            return values
        found = torch.tensor(values)
        dist.all_reduce(found, dist.ReduceOp.MAX)
        return tuple(found.tolist())

    def gather(self, value: Value) -> list[Value]:
        """The value of each process, in the order of their ranks; every process gets them all."""
        if self.size == 1:
            return [value]
        found: list[Any] = [None] * self.size
        dist.all_gather_object(found, value)
        return found

    def broadcast(self, value: Value) -> Value:
        """The writer's value; what the others give counts nothing."""
        if self.size == 1:
            return value
        found = [value]
        dist.broadcast_object_list(found)
        return found[0]

    def broadcast_tensor(self, value: Tensor | None) -> Tensor:
        """The writer's tensor, received in place; on the CPU."""
        like = self.broadcast(None if value is None else (value.shape, value.dtype))
        assert like is not None
        found = value.contiguous() if value is not None else torch.empty(like[0], dtype=like[1])
        dist.broadcast(found, 0)
        return found

    def barrier(self) -> None:
        """Wait until all processes are here."""
        if self.size > 1:
            dist.all_reduce(torch.zeros(1))  # on the CPU, where waiting costs nothing

    @contextmanager
    def writer_first(self) -> Iterator[None]:
        """The writer runs the block, and where nothing was wrong with it the others do.

        A mistake that all would make is so told once.
        """
        if not self.is_writer:
            self.barrier()
        yield
        if self.is_writer:
            self.barrier()


ALONE = World()
