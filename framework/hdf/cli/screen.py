"""Writing for people and for other programs, and what a command says when it ends early."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import IO, TYPE_CHECKING, Any

import click

from hdf.errors import UserError, exit_code_of, printable

if TYPE_CHECKING:
    from rich.console import Console

    from hdf.console.progress import Reporter

MOST_PROBLEMS = 100
WIDE = 10_000


def console(file: IO[str]) -> Console:
    """A rich console that does not cut or wrap lines without a terminal."""
    from rich.console import Console

    return Console(file=file, width=None if file.isatty() else WIDE)


def reporter() -> Reporter:
    """Reports progress on stderr, with forecasts of the whole time since the command began."""
    from hdf.console.forecast import Forecast
    from hdf.console.progress import Reporter

    began = click.get_current_context().obj
    return Reporter(console(sys.stderr), None if began is None else Forecast(began))


def show_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table on stdout; without a terminal each row is one line of any length."""
    from rich.markup import escape
    from rich.table import Table

    table = Table(*columns, box=None, header_style="bold", pad_edge=False)
    for row in rows:
        table.add_row(*(escape(printable(cell)) for cell in row))
    screen = console(sys.stdout)
    with screen.capture() as captured:
        screen.print(table)
    for line in captured.get().splitlines():
        sys.stdout.write(f"{line.rstrip()}\n")


def show_json(value: Any) -> None:
    """Print JSON on stdout."""
    click.echo(json.dumps(value, indent=2))


def show_error(error: UserError) -> None:
    """Print a plugin's traceback and the first hundred problems on stderr."""
    if error.traceback:
        print(error.traceback.rstrip(), file=sys.stderr)
    for problem in error.problems[:MOST_PROBLEMS]:
        print(f"error: {printable(str(problem))}", file=sys.stderr)
    more = len(error.problems) - MOST_PROBLEMS
    if more > 0:
        print(f"... and {more} more", file=sys.stderr)


def tell(error: BaseException) -> int | None:
    """Print an error on stderr; the exit code is 2 for a user's mistake, 130 or 143 for a signal.

    It is None for a bug, which is not printed and needs its traceback.
    """
    if isinstance(error, click.ClickException):
        error.show()
        return error.exit_code
    if isinstance(error, UserError):
        show_error(error)
        return 2
    if isinstance(error, OSError):
        from hdf.files.atomic import DISK_ERRORS  # not above: most commands end without an error

        if error.errno not in DISK_ERRORS:
            return None
        place = f"{error.filename}: " if error.filename else ""
        print(f"error: {place}{error.strerror}", file=sys.stderr)
        return 2
    if isinstance(error, KeyboardInterrupt | click.Abort):
        own_line = "\n" if sys.stderr.isatty() else ""  # below the terminal's ^C
        print(f"{own_line}interrupted", file=sys.stderr)
        return exit_code_of(error)
    return None
