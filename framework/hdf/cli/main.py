"""``hdf``: the commands, and how mistakes end."""

from __future__ import annotations

import errno
import sys

import click

from hdf import __version__
from hdf.cli.audit import audit
from hdf.cli.calibrate import calibrate
from hdf.cli.check import check
from hdf.cli.crossval import crossval
from hdf.cli.evaluate import evaluate
from hdf.cli.list_plugins import list_plugins
from hdf.cli.predict import predict
from hdf.cli.prepare import prepare
from hdf.cli.preview import preview
from hdf.cli.recipes import recipes
from hdf.cli.run import run
from hdf.cli.screen import show_error
from hdf.errors import UserError

DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES)
"""What a user mends: a disk that is full or read-only, a folder of somebody else's."""


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="hdf %(version)s")
def hdf() -> None:
    """Find the heart in frontal chest radiographs.

    For research only: hdf is not a medical device.
    """


for _command in (
    *(predict, run, crossval, calibrate, evaluate),
    *(prepare, audit, preview, check, list_plugins, recipes),
):
    hdf.add_command(_command)


def main() -> None:
    """The entry point: exit code 2 for a user's mistake, 130 for Ctrl-C."""
    try:
        hdf(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except UserError as error:
        show_error(error)
        sys.exit(2)
    except OSError as error:
        if error.errno not in DISK_ERRORS:
            raise
        place = f"{error.filename}: " if error.filename else ""
        print(f"error: {place}{error.strerror}", file=sys.stderr)
        sys.exit(2)
    except (KeyboardInterrupt, click.Abort):
        print("interrupted", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
