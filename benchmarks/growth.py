"""How training grows with the data: time per image and epoch, and peak memory.

A small network on generated images of 64 px, which a store on disk streams or memory holds. The
first epoch of each process is not counted, nor is making the images, though its memory is.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from functools import partial

from benchmarks.sides import ours
from benchmarks.timing import Figures, in_turns, ratio, spread

ROUNDS = int(os.environ.get("HDF_BENCHMARK_GROWTH_ROUNDS", "3"))
COUNTS = tuple(map(int, os.environ.get("HDF_BENCHMARK_GROWTH", "200,2000,20000").split(",")))
IMAGES_TIMED = 20_000
"""Fewer images are seen in more epochs, so that each side's mean is taken over as long a time."""

PLACES = {"disk": "on disk", "memory": "in memory"}


def rows() -> Iterator[tuple[str, str]]:
    """Figures for each number of images, and ratios to the smallest."""
    peaks: dict[tuple[str, int], list[float]] = {}

    def measure(where: str, count: int) -> float:
        epochs = max(1, IMAGES_TIMED // count)
        found = ours("growth", "--where", where, "--count", count, "--epochs", epochs)
        peaks.setdefault((where, count), []).append(found["peak_mib"])
        return float(found["milliseconds_an_image"])

    keys = [(where, count) for where in PLACES for count in COUNTS]
    sides = {_named(*key): partial(measure, *key) for key in keys}
    found = in_turns(sides, ROUNDS)
    for where in PLACES:
        times = {count: found[_named(where, count)] for count in COUNTS}
        memory = {count: peaks.get((where, count), times[count]) for count in COUNTS}
        yield from _rows(where, times, memory)


def _named(where: str, count: int) -> str:
    return f"{PLACES[where]}, {count:,} images"


def _rows(
    where: str, times: Mapping[int, Figures], memory: Mapping[int, Figures]
) -> Iterator[tuple[str, str]]:
    place = PLACES[where]
    for count, figures in times.items():
        yield f"milliseconds per image and epoch, {_named(where, count)}", spread(figures, 3)
    for count, figures in memory.items():
        yield f"peak memory in MiB, {_named(where, count)}", spread(figures, 0)
    few, *more = times
    for count in more:
        against = f"{place}: {count:,} / {few:,} images"
        yield f"time per image and epoch {against}", ratio(times[count], times[few])
        yield f"peak memory {against}", ratio(memory[count], memory[few])
