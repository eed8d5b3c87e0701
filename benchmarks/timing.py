"""Alternating rounds, so that a drifting machine slows both sides alike."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median


def alternate(
    first: Callable[[], object], second: Callable[[], object], rounds: int
) -> tuple[list[float], list[float]]:
    """Seconds of each round of both, after one round of each that is not counted."""
    first(), second()
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds):
        pair = [(first, times[0]), (second, times[1])]
        for function, found in pair if number % 2 == 0 else reversed(pair):
            began = time.perf_counter()
            function()
            found.append(time.perf_counter() - began)
    return times


def ratio(first: list[float], second: list[float]) -> str:
    """The median of the rounds' ratios, with the smallest and largest."""
    ratios = sorted(a / b for a, b in zip(first, second, strict=True))
    return f"{median(ratios):.3f} ({ratios[0]:.3f} to {ratios[-1]:.3f}, {len(ratios)} rounds)"
