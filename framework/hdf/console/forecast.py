"""How long a process will take, from what the pieces of its work have taken so far."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import inf

SURE = 20
"""Pieces after which a pace is trusted…"""
SLOW, FEW = 30.0, 5
"""…or so many, once they have taken so many seconds."""
LONG = 600.0
"""Seconds from which people are told what would shorten it."""
FAR_OFF, WORTH = 0.25, 60.0
"""A forecast that was wrong by this share is corrected, where so many seconds are left."""


class Pace:
    """Seconds that a piece of work takes.

    The first piece warms up, and counts only until there is another.

    Args:
        guess: until a piece has been timed.
    """

    def __init__(self, guess: float = 0.0) -> None:
        self.each = guess
        self.pieces, self.seconds = 0.0, 0.0
        self._timed = False
        self._mark = time.monotonic()

    def took(self, seconds: float, pieces: float = 1.0) -> None:
        """So many pieces took so many seconds together."""
        if not self._timed:
            self._timed, self.each = True, seconds / pieces
            return
        self.pieces += pieces
        self.seconds += seconds
        self.each = self.seconds / self.pieces

    def start(self) -> None:
        """The next piece begins now."""
        self._mark = time.monotonic()

    def lap(self) -> None:
        """A piece is done, and the next one begins."""
        now = time.monotonic()
        self.took(now - self._mark)
        self._mark = now

    @contextmanager
    def timing(self, pieces: float = 1.0) -> Iterator[None]:
        """Time the block, unless it raises."""
        began = time.monotonic()
        yield
        self.took(time.monotonic() - began, pieces)

    @property
    def is_sure(self) -> bool:
        """Whether there were enough pieces to tell how long many of them will take."""
        done = self.pieces + 1
        return done >= SURE or (done >= FEW and self.seconds >= SLOW)


@dataclass
class Forecast:
    """What people are told of a process's time: once, and once more where that was far off.

    Attributes:
        began: when the process did, on the clock of `time.monotonic`.
        later: runs as long as the present one that follow in the same process.
        told: the forecasts so far, in seconds.
    """

    began: float = field(default_factory=time.monotonic)
    later: int = 0
    told: list[float] = field(default_factory=list)

    def lines(self, left: float, shorter: Sequence[str] = (), at_most: bool = False) -> list[str]:
        """What is to be said now, if anything.

        Args:
            left: seconds until the process ends.
            shorter: what would shorten it; told where it takes more than ten minutes.
            at_most: whether it may end earlier.
        """
        whole = time.monotonic() - self.began + left
        again = bool(self.told)
        if again and (len(self.told) > 1 or left < WORTH or not self._is_far_off(whole)):
            return []
        self.told.append(whole)
        about = f"{'now ' if again else ''}{'at most' if at_most else 'about'}"
        lines = [f"{about} {spoken(whole)} in all, until {_clock(left)}"]
        if whole > LONG and shorter and not again:
            lines.append(f"what would shorten it: {', '.join(shorter)}")
        return lines

    def _is_far_off(self, whole: float) -> bool:
        return abs(whole / self.told[0] - 1) > FAR_OFF


def spoken(seconds: float) -> str:
    """A duration for people, to about a twentieth: ``45 s``, ``3 min 20 s``, ``2 h 10 min``."""
    steps = ((20, 1), (100, 5), (600, 10), (6000, 60), (inf, 600))
    step = next(step for below, step in steps if seconds < below)
    whole = max(1, round(seconds / step)) * step
    if whole < 100:
        return f"{whole} s"
    hours, minutes = divmod(whole // 60, 60) if whole >= 6000 else (0, whole // 60)
    parts = [(hours, "h"), (minutes, "min"), (whole % 60, "s")]
    return " ".join(f"{count} {unit}" for count, unit in parts if count)


def _clock(left: float) -> str:
    """The time of day in `left` seconds, with the date where it is another day's."""
    now = datetime.now()
    end = now + timedelta(seconds=left)
    return f"{end:%H:%M}" if end.date() == now.date() else f"{end:%Y-%m-%d %H:%M}"
