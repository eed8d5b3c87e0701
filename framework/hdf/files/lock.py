"""Who is at work in a folder: a lock that the kernel lets go when its process ends."""

from __future__ import annotations

import fcntl
import os
import time
import weakref
from pathlib import Path

NAME = "lock"
PATIENCE = 1.0
"""Seconds that a lock is waited for: whoever only looks holds it for a moment."""


class FolderLock:
    """Held on an empty file ``lock`` in the folder; children that are forked share it."""

    def __init__(self) -> None:
        self._release: weakref.finalize[[int], FolderLock] | None = None

    def take(self, folder: Path) -> bool:
        """Take the lock, if no other process has it; raises an OSError for a file that can't be."""
        if self._release is not None:
            return True
        file = os.open(folder / NAME, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o666)
        self._release = weakref.finalize(self, os.close, file)
        until = time.monotonic() + PATIENCE
        while not locked(file):
            if time.monotonic() > until:
                self.close()
                return False
            time.sleep(0.05)
        return True

    def close(self) -> None:
        """Let others work in the folder."""
        if self._release is not None:
            self._release()
            self._release = None


def is_held(folder: Path) -> bool | None:
    """Whether a process holds the folder's lock; None where there never was one."""
    try:
        file = os.open(folder / NAME, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return not locked(file)
    finally:
        os.close(file)


def locked(file: int, wait: bool = False) -> bool:
    """Lock a file descriptor until its process closes it or ends.

    Returns:
        False where another process has it; True on file systems without locks.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # no locks here
        pass
    return True
