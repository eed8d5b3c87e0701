"""The processes that train one detector: who does what.

A process that is alone is a world of one: it talks to nobody, and nothing here imports PyTorch.
`hdf.runtime.process_group` holds the world of several.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeVar

if TYPE_CHECKING:
    from torch import Tensor, nn

Value = TypeVar("Value")


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
    """The processes of a run; each method does what is to be done by a process that is alone.

    Attributes:
        rank: of this process, from 0.
        size: how many there are.
        local_rank: of this process among those of its machine.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0

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
        return name

    def replicate(self, module: nn.Module) -> nn.Module:
        """A module whose gradients become the mean over all processes.

        All start from the writer's parameters and buffers. Buffers go their own way from there.
        """
        return module

    def average_buffers(self, module: nn.Module) -> None:
        """Let all processes have the mean of their floating buffers, such as batch norm's."""

    def total(self, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The sums over all processes of scalars, which must have the same names in each."""
        return dict(values)

    def most(self, *values: int) -> tuple[int, ...]:
        """The largest of each over all processes; for agreeing on what to do next."""
        return values

    def gather(self, value: Value) -> list[Value]:
        """The value of each process, in the order of their ranks; every process gets them all."""
        return [value]

    def broadcast(self, value: Value) -> Value:
        """The writer's value; those of the other processes are not used."""
        return value

    def broadcast_tensor(self, value: Tensor | None) -> Tensor:
        """The writer's tensor, received in place; on the CPU."""
        assert value is not None
        return value

    def barrier(self) -> None:
        """Wait until all processes are here."""

    def has_lost(self, error: BaseException) -> bool:
        """Whether an error says that another process has gone away, and no more than that."""
        return False

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
