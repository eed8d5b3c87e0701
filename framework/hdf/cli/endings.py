"""What a command says when it ends early."""

from __future__ import annotations

import sys

import click

from hdf.cli.screen import show_error
from hdf.errors import UserError, exit_code_of


def tell(error: BaseException) -> int | None:
    """Say on stderr what went wrong.

    Returns:
        The exit code: 2 for a user's mistake, 130 for Ctrl-C, 143 for SIGTERM. None for a bug,
        whose traceback is wanted and of which nothing was said.
    """
    if isinstance(error, click.ClickException):
        error.show()
        return error.exit_code
    if isinstance(error, UserError):
        show_error(error)
        return 2
    if isinstance(error, OSError) and _is_of_the_disk(error):
        place = f"{error.filename}: " if error.filename else ""
        print(f"error: {place}{error.strerror}", file=sys.stderr)
        return 2
    if isinstance(error, KeyboardInterrupt | click.Abort):
        own_line = "\n" if sys.stderr.isatty() else ""  # below the terminal's ^C
        print(f"{own_line}interrupted", file=sys.stderr)
        return exit_code_of(error)
    return None


def _is_of_the_disk(error: OSError) -> bool:
    from hdf.files.atomic import DISK_ERRORS  # not above: most commands end without an error

    return error.errno in DISK_ERRORS
