"""``hdf``: the commands, and how mistakes end."""

from __future__ import annotations

import sys
from typing import Any

import click

from hdf import __version__
from hdf.cli.audit import audit
from hdf.cli.calibrate import calibrate
from hdf.cli.check import check
from hdf.cli.compare import compare
from hdf.cli.crossval import crossval
from hdf.cli.ctrl_c import heed_ctrl_c
from hdf.cli.doctor import doctor
from hdf.cli.endings import tell
from hdf.cli.evaluate import evaluate
from hdf.cli.export import export
from hdf.cli.list_plugins import list_plugins
from hdf.cli.new_plugin import new_plugin
from hdf.cli.predict import predict
from hdf.cli.prepare import prepare
from hdf.cli.preview import preview
from hdf.cli.recipes import recipes
from hdf.cli.review import review
from hdf.cli.run import run
from hdf.cli.schema import schema


class Commands(click.Group):
    """A group without click's blank line after Ctrl-C, which is for terminals."""

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except KeyboardInterrupt as error:
            raise click.Abort from error


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="hdf %(version)s")
def hdf() -> None:
    """Find the heart in frontal chest radiographs.

    For research only: hdf is not a medical device.
    """


for _command in (
    *(predict, run, crossval, calibrate, evaluate, compare, export),
    *(prepare, audit, preview, review, check),
    *(list_plugins, recipes, schema, new_plugin, doctor),
):
    hdf.add_command(_command)


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
