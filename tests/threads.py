"""Processes of a run, played by threads of this process."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Barrier
from typing import Any, TypeVar

from hdf.runtime.world import World

Value = TypeVar("Value")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Threads(World):
    """A world whose members talk through a list."""

    meeting: Barrier = field(default_factory=lambda: Barrier(1))
    table: list[Any] = field(default_factory=list)

    def gather(self, value: Value) -> list[Value]:
        self.table[self.rank] = value
        self.meeting.wait(60)
        found = list(self.table)
        self.meeting.wait(60)
        return found

    def broadcast(self, value: Value) -> Value:
        return self.gather(value)[0]

    def broadcast_tensor(self, value: Any) -> Any:
        return self.gather(value)[0].clone()

    def barrier(self) -> None:
        self.gather(None)


def together(size: int, call: Callable[[World], Result]) -> list[Result]:
    """What `call` gives in each of `size` threads."""
    meeting, table = Barrier(size), [None] * size
    worlds = [Threads(rank, size, rank, meeting, table) for rank in range(size)]
    with ThreadPoolExecutor(size) as pool:
        return list(pool.map(call, worlds))
