"""One try at something hostile: it ends in a result or in clear words, soon, and runs nothing."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from hdf.errors import UserError, printable
from tests.faults.outcome import Outcome

SLOWEST = 5.0
"""Seconds of processor time that a try may take; other processes of a busy machine don't count."""
LONGEST = 60.0
"""Seconds that it may wait."""
FORBIDDEN = frozenset(
    {
        "os.system",
        "os.exec",
        "os.posix_spawn",
        "os.startfile",
        "subprocess.Popen",
        "pickle.find_class",
        "socket.connect",
        "shutil.rmtree",
        "webbrowser.open",
    }
)
"""Python's audit events (docs.python.org/3/library/audit_events) that no data may cause."""

_caught: list[str] | None = None


class HangError(BaseException):
    """A try takes too long; no handler of ordinary errors catches it."""


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if _caught is not None and event in FORBIDDEN:
        _caught.append(event)


sys.addaudithook(_hear)  # which can't be taken away again


@contextmanager
def watched() -> Iterator[list[str]]:
    """Give the forbidden events that happened within.

    Raises:
        HangError: it takes too long.
    """
    global _caught

    def give_up(number: int, frame: FrameType | None) -> None:
        raise HangError

    before = [signal.signal(number, give_up) for number in (signal.SIGPROF, signal.SIGALRM)]
    signal.setitimer(signal.ITIMER_PROF, SLOWEST)
    signal.setitimer(signal.ITIMER_REAL, LONGEST)
    _caught = events = []
    try:
        yield events
    finally:
        _caught = None
        for timer in (signal.ITIMER_PROF, signal.ITIMER_REAL):
            signal.setitimer(timer, 0)
        for number, handler in zip((signal.SIGPROF, signal.SIGALRM), before, strict=True):
            signal.signal(number, handler)


def attempt(outcome: Outcome, case: str, call: Callable[[], str]) -> None:
    """Call once and note how it ended.

    Args:
        case: what is tried, for whoever is to mend it.
        call: gives how it ended where it ended in no error, such as ``read``.
    """
    events: list[str] = []
    try:
        with watched() as events:
            how = call()
    except UserError as error:
        unclear = unclear_in(error)
        how = "refused"
    except HangError:
        unclear = "hangs"
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        unclear = f"{type(error).__name__}: {str(error)[:300]}"
    else:
        unclear = ""
    if events:
        unclear = f"{unclear} causes {', '.join(events)}".strip()
    if unclear:
        outcome.badly(f"{printable(unclear)} -- {printable(case)[:800]}")
    else:
        outcome.well(how)


def unclear_in(error: UserError) -> str:
    """Why a refusal is not one that a person can act on; empty where it is."""
    if error.traceback:
        return f"refused with a traceback: {error.traceback[-600:]}"
    if not error.problems or not all(item.where and item.message for item in error.problems):
        return f"refused without a place or a reason: {error}"
    try:
        printable(str(error)).encode()
    except UnicodeError:
        return "its reason can't be printed"
    return ""
