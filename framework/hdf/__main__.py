"""The entry point, also of ``python -m hdf``.

Ctrl-C is heeded while libraries are imported, whose code now and then swallows it.
"""

from __future__ import annotations

import gc
import os
import signal
from types import FrameType

IMPORTING = "<frozen importlib._bootstrap"


def main() -> None:
    """Heed Ctrl-C before anything slow is imported, and run a command."""
    heed_ctrl_c()
    from hdf.cli.main import main as begin

    try:
        begin()
    finally:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # nothing is left to be tidied up
        gc.freeze()  # nor to be searched for garbage, which takes a tenth of importing torch


def heed_ctrl_c() -> None:
    """Handle SIGINT by `handle_interrupt` from now on, unless it is ignored, as below ``nohup``."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, handle_interrupt)


def handle_interrupt(number: int, frame: FrameType | None) -> None:
    """Handle SIGINT like Python, but end the process at once during an import.

    An exception would pass through the code that is being imported. Training handles signals in its
    own way, and everything else may be killed at any time.

    Raises:
        KeyboardInterrupt: no import is in progress.
    """
    if not _is_importing(frame):
        raise KeyboardInterrupt
    if os.environ.get("WORLD_SIZE", "1") == "1":  # a launcher prints it once for all processes
        os.write(2, b"interrupted\n")
    os._exit(128 + number)


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith(IMPORTING):
            return True
        frame = frame.f_back
    return False


if __name__ == "__main__":
    main()
