"""The processes that train one detector; a world of one, without importing PyTorch.

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
    """The images that one process computes, `rows` of a batch of `whole`."""

    rows: slice
    whole: int

    @property
    def images(self) -> int:
        return len(range(self.whole)[self.rows])


@dataclass(frozen=True)
class World:
    """The processes of a run: this is number `rank` of `size`, and `local_rank` on its machine.

    Each method does what a process that is alone has to do.
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
        """This process's device where a recipe says `name`; a `UserError` where none is left."""
        return name

    def replicate(self, module: nn.Module) -> nn.Module:
        """A module whose gradients become the mean over all processes; all start as the writer."""
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
        self.most(0)

    def has_lost(self, error: BaseException) -> bool:
        """Whether an error says that another process has gone away, and no more than that."""
        return False

    @contextmanager
    def writer_first(self) -> Iterator[None]:
        """Let the others run the block after the writer, so that a mistake of all is told once."""
        if not self.is_writer:
            self.barrier()
        yield
        if self.is_writer:
            self.barrier()


ALONE = World()
