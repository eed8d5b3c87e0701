"""What ends a training early: Ctrl-C and SIGTERM, and faults of the machine.

The first signal lets what is under way finish, the second ends it at once.
"""

from __future__ import annotations

import errno
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from hdf.errors import Interrupted, Problem, UserError
from hdf.files.atomic import DISK_ERRORS
from hdf.recipe.check import CheckedRecipe
from hdf.runtime.world import World

SIGNALS = (signal.SIGINT, signal.SIGTERM)
SAME_SECONDS = 3.0
"""A launcher passes on what a terminal may have sent to all processes already."""
LOST = (errno.EIO, errno.ESTALE, errno.ENODEV, errno.ENXIO, errno.ENOTCONN, errno.EREMOTEIO)
"""What a disk says that has gone away or is broken."""
_NO_MEMORY = ("can't allocate memory", "Cannot allocate memory", "out of memory")


class Stop:
    """The number of the signal that `asked` the process to end, or 0.

    With `echoes` a second signal soon after the first one is the same.
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
        """Note a signal; `Interrupted` is raised at a second one, or with nothing under way."""
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
    numbers = SIGNALS if threading.current_thread() is threading.main_thread() else ()
    before = {number: signal.signal(number, stop.handle) for number in numbers}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class FaultError(UserError):
    """The machine's fault: once that is mended the run goes on."""


@contextmanager
def explained(checked: CheckedRecipe) -> Iterator[None]:
    """Tell of memory and disks in one line: a `FaultError` instead of what was raised."""
    try:
        yield
    except (MemoryError, RuntimeError, OSError) as error:
        told = _told(error, checked)
        if told is None:
            raise
        raise told from error


def _told(error: Exception, checked: CheckedRecipe) -> FaultError | None:
    if isinstance(error, MemoryError) or any(text in str(error) for text in _NO_MEMORY):
        said = str(error).strip().splitlines() or [type(error).__name__]
        size = checked.recipe.train.batch_size
        message = (
            f"out of memory ({said[0][:200]}); try a smaller train.batch_size than {size}, "
            "a smaller data.image_size or a smaller model"
        )
        return FaultError(Problem(checked.where("train", "batch_size"), message))
    if isinstance(error, OSError) and error.errno in (*DISK_ERRORS, *LOST):
        reason = error.strerror or os.strerror(error.errno)
        message = f"{reason}; what was saved before is whole"
        return FaultError(Problem(str(error.filename or ""), message))
    return None
