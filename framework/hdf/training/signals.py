"""Ctrl-C and SIGTERM: what is under way is finished, a second one ends at once."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from hdf.errors import Interrupted
from hdf.runtime.world import World

SIGNALS = (signal.SIGINT, signal.SIGTERM)
SAME_SECONDS = 3.0
"""A launcher passes on what a terminal may have sent to all processes already."""


class Stop:
    """Whether the process was asked to end.

    Attributes:
        asked: the signal's number; 0 if there was none.

    Args:
        echoes: whether a second signal soon after the first one is the same.
    """

    def __init__(self, echoes: bool = False) -> None:
        self.asked = 0
        self._echoes, self._when, self._deferred = echoes, 0.0, 0

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """Finish the block, or as much of it as looks at `asked`, before the process ends."""
        self._deferred += 1
        try:
            yield
        finally:
            self._deferred -= 1
        if self.asked and not self._deferred:
            raise Interrupted(self.asked)

    def handle(self, number: int, frame: FrameType | None = None) -> None:
        """A signal has come.

        Raises:
            Interrupted: at once, or because nothing is under way.
        """
        now = time.monotonic()
        if self.asked:
            if self._echoes and now - self._when < SAME_SECONDS:
                return
            for each in SIGNALS:  # the third one ends the process whatever it does
                signal.signal(each, signal.SIG_DFL)
            raise Interrupted(number, at_once=True)
        self.asked, self._when = number, now
        if not self._deferred:
            raise Interrupted(number)


@contextmanager
def stopping(world: World) -> Iterator[Stop]:
    """Handle both signals in the block, if this is the thread that gets them."""
    stop = Stop(echoes=world.size > 1)
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.signal(number, stop.handle) for number in SIGNALS}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
