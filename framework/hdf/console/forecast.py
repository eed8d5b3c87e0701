"""Forecasts of how long a process will take, from the pace of its work so far."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import inf

SURE = 20
"""The number of pieces after which a pace is reliable…"""
SLOW, FEW = 30.0, 5
"""…or the number of seconds after which this many pieces are enough."""
LONG = 600.0
"""Seconds above which a forecast suggests how to shorten the process."""
FAR_OFF, WORTH = 0.25, 60.0
"""A forecast is corrected once if it was off by this share, and so many seconds are left."""


class Pace:
    """The mean time of a piece of work, in seconds; until one has been timed, a guess.

    The first piece includes the warm-up, and is used only until there is another.
    """

    def __init__(self, guess: float = 0.0) -> None:
        self.each = guess
        self.pieces, self.seconds = 0.0, 0.0
        self._timed = False
        self.start()

    def took(self, seconds: float, pieces: float = 1.0) -> None:
        """Record that some pieces took some seconds in total."""
        if not self._timed:
            self._timed, self.each = True, seconds / pieces
            return
        self.pieces += pieces
        self.seconds += seconds
        self.each = self.seconds / self.pieces

    def start(self) -> None:
        """Mark the beginning of the next piece."""
        self._mark = time.monotonic()

    def lap(self) -> None:
        """Record a piece, and mark the beginning of the next."""
        self.took(time.monotonic() - self._mark)
        self.start()

    @contextmanager
    def timing(self, pieces: float = 1.0) -> Iterator[None]:
        """Record the time of the block, unless it raises."""
        began = time.monotonic()
        yield
        self.took(time.monotonic() - began, pieces)

    @property
    def is_sure(self) -> bool:
        """Whether there were enough pieces for a forecast."""
        done = self.pieces + 1
        return done >= SURE or (done >= FEW and self.seconds >= SLOW)


@dataclass
class Forecast:
    """Announces how long a process will take: once, and again if that was far off.

    Attributes:
        began: on the clock of `time.monotonic`.
        later: number of runs of the same length that follow in this process.
        told: the forecasts so far, in seconds.
    """

    began: float = field(default_factory=time.monotonic)
    later: int = 0
    told: list[float] = field(default_factory=list)

    def lines(self, left: float, shorter: Sequence[str] = (), at_most: bool = False) -> list[str]:
        """The lines to print now, if any.

        Args:
            left: seconds until the process ends.
            shorter: what would shorten it; suggested if it takes more than ten minutes.
            at_most: whether it may end earlier.
        """
        whole = time.monotonic() - self.began + left
        again = bool(self.told)
        far_off = again and abs(whole / self.told[0] - 1) > FAR_OFF
        if again and (len(self.told) > 1 or left < WORTH or not far_off):
            return []
        self.told.append(whole)
        about = f"{'now ' if again else ''}{'at most' if at_most else 'about'}"
        now = datetime.now()
        end = now + timedelta(seconds=left)
        until = f"{end:%H:%M}" if end.date() == now.date() else f"{end:%Y-%m-%d %H:%M}"
        lines = [f"{about} {spoken(whole)} in all, until {until}"]
        if whole > LONG and shorter and not again:
            lines.append(f"what would shorten it: {', '.join(shorter)}")
        return lines


def spoken(seconds: float) -> str:
    """A duration rounded to about 5 %: ``45 s``, ``3 min 20 s``, ``2 h 10 min``."""
    steps = ((20, 1), (100, 5), (600, 10), (6000, 60), (inf, 600))
    step = next(step for below, step in steps if seconds < below)
    whole = max(1, round(seconds / step)) * step
    if whole < 100:
        return f"{whole} s"
    hours, minutes = divmod(whole // 60, 60) if whole >= 6000 else (0, whole // 60)
    parts = [(hours, "h"), (minutes, "min"), (whole % 60, "s")]
    return " ".join(f"{count} {unit}" for count, unit in parts if count)
