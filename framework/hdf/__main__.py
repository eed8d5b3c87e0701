"""The entry point, also of ``python -m hdf``."""

from __future__ import annotations

import gc
import signal

from hdf.cli.ctrl_c import heed_ctrl_c


def main() -> None:
    """Heed Ctrl-C before anything slow is imported, and run a command."""
    heed_ctrl_c()
    from hdf.cli.main import main as begin

    try:
        begin()
    finally:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # nothing is left to be tidied up
        gc.freeze()  # nor to be searched for garbage, which takes a tenth of importing torch


if __name__ == "__main__":
    main()
