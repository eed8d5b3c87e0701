"""``hdf``: the commands by their names, each imported when it is asked for."""

from __future__ import annotations

import sys
import time
from importlib import import_module
from io import TextIOWrapper
from typing import Any

import click

from hdf import __version__
from hdf.cli.screen import tell
from hdf.errors import suggest

NAMES = (
    *("predict", "run", "crossval", "calibrate", "evaluate", "compare", "export"),
    *("prepare", "convert", "audit", "preview", "review", "check"),
    *("list-plugins", "recipes", "schema", "new-plugin", "doctor"),
)
"""``hdf NAME`` is the function NAME, with ``_`` for ``-``, of a module of that name or of this."""
_MODULES = {
    "calibrate": "crossval",
    "schema": "recipes",
    "list-plugins": "plugins",
    "new-plugin": "plugins",
}


class Commands(click.Group):
    """A group that imports only the command that is run.

    Unlike click's own groups, it prints no blank line at Ctrl-C.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(NAMES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
        if cmd_name not in NAMES:
            ctx.fail(f"there is no command {cmd_name!r}{suggest(cmd_name, NAMES)}")
        module = import_module(f"hdf.cli.{_MODULES.get(cmd_name, cmd_name)}")
        command: click.Command = getattr(module, cmd_name.replace("-", "_"))
        return command

    def invoke(self, ctx: click.Context) -> Any:
        ctx.obj = time.monotonic()
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            raise click.Abort from error


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="hdf %(version)s")
def hdf() -> None:
    """Find the heart in frontal chest radiographs.

    For research only: hdf is not a medical device.
    """


def main() -> None:
    """Run a command and end the process: exit code 2 for a user's mistake, 130 for Ctrl-C."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # file names need not be UTF-8
    try:
        hdf(standalone_mode=False)
    except (Exception, KeyboardInterrupt) as error:
        code = tell(error)
        if code is None:
            raise
        sys.exit(code)
