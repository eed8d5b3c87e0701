"""Alternating rounds, so that a drifting machine slows all sides alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from statistics import median

from benchmarks.sides import NotMeasuredError

Figures = list[float] | str
"""What a side measured in each round, or why it did not."""


def alternate(
    first: Callable[[], object], second: Callable[[], object], rounds: int
) -> tuple[list[float], list[float]]:
    """Seconds of each round of both, after one round of each that is not counted."""
    first(), second()
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds):
        pair = [(first, times[0]), (second, times[1])]
        for function, found in pair if number % 2 == 0 else reversed(pair):
            found.append(seconds(function))
    return times


def seconds(function: Callable[[], object]) -> float:
    """How long a call takes."""
    began = time.perf_counter()
    function()
    return time.perf_counter() - began


def in_turns(sides: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, Figures]:
    """What each side measures of itself, in rounds that begin with another side each time."""
    found: dict[str, Figures] = {name: [] for name in sides}
    names = list(sides)
    for number in range(rounds):
        start = number % len(names)
        for name in names[start:] + names[:start]:
            figures = found[name]
            if isinstance(figures, str):
                continue
            try:
                figures.append(sides[name]())
            except NotMeasuredError as reason:
                found[name] = str(reason)
    return found


def ratio(first: Figures, second: Figures) -> str:
    """The median of the rounds' ratios, with the smallest and largest."""
    if isinstance(first, str):
        return first
    if isinstance(second, str):
        return second
    return spread([a / b for a, b in zip(first, second, strict=True)], 3)


def spread(figures: Figures, digits: int) -> str:
    """The median of the rounds, with the smallest and largest of more than one."""
    if isinstance(figures, str):
        return figures
    middle, low, high = (f"{f(figures):,.{digits}f}" for f in (median, min, max))
    return f"{middle} ({low} to {high}, {len(figures)} rounds)" if len(figures) > 1 else middle
