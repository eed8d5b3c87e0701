"""``hdf``: the commands, and how mistakes end."""

from __future__ import annotations

import sys

import click

from hdf import __version__
from hdf.cli.ctrl_c import heed_ctrl_c
from hdf.cli.endings import tell
from hdf.cli.group import Commands


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="hdf %(version)s")
def hdf() -> None:
    """Find the heart in frontal chest radiographs.

    For research only: hdf is not a medical device.
    """


def main() -> None:
    """Run a command and end the process: exit code 2 for a user's mistake, 130 for Ctrl-C."""
    heed_ctrl_c()
    try:
        hdf(standalone_mode=False)
    except (Exception, KeyboardInterrupt) as error:
        code = tell(error)
        if code is None:
            raise
        sys.exit(code)


if __name__ == "__main__":
    main()
