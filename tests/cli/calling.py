"""Calling ``hdf`` as a user types it, without a process of its own."""

from __future__ import annotations

import gc
import signal
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from hdf.__main__ import main
from hdf.cli.main import hdf
from hdf.errors import UserError


def call(*arguments: str | Path) -> Result:
    """The outcome of a command."""
    return CliRunner().invoke(hdf, list(map(str, arguments)), catch_exceptions=False)


def refusal(*arguments: str | Path) -> str:
    """What a command that refuses its arguments says."""
    with pytest.raises(UserError) as caught:
        hdf.main(list(map(str, arguments)), standalone_mode=False)
    return str(caught.value)


def exit_code(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    """How the installed entry point would end the process."""
    monkeypatch.setattr(sys, "argv", ["hdf", *map(str, arguments)])
    handler = signal.getsignal(signal.SIGINT)
    try:
        main()
    except SystemExit as ended:
        return int(ended.code or 0)
    finally:
        signal.signal(signal.SIGINT, handler)
        gc.unfreeze()  # a command ends its process; this one goes on
    return 0
