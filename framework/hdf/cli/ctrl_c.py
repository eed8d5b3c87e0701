"""Ctrl-C while libraries are imported, where now and then some of their code swallows it."""

from __future__ import annotations

import os
import signal
from types import FrameType

IMPORTING = "<frozen importlib._bootstrap"


def heed_ctrl_c() -> None:
    """Handle SIGINT by `heed` from now on, unless it is ignored, as below ``nohup``."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, heed)


def heed(number: int, frame: FrameType | None) -> None:
    """As Python handles SIGINT, but amid an import the process ends at once.

    An exception would go through the code of whatever is being imported. Training handles signals
    in its own way, and all else that hdf does may be killed at any moment.

    Raises:
        KeyboardInterrupt: no import is under way.
    """
    if not _is_importing(frame):
        raise KeyboardInterrupt
    if os.environ.get("WORLD_SIZE", "1") == "1":  # a launcher tells it once for all its processes
        os.write(2, b"interrupted\n")
    os._exit(128 + number)


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith(IMPORTING):
            return True
        frame = frame.f_back
    return False
