"""``hdf doctor``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hdf.cli.arguments import plugins_dir_option
from hdf.cli.screen import show_json
from hdf.errors import printable

if TYPE_CHECKING:
    from hdf.tools.doctor.machine import Check


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@plugins_dir_option
def doctor(as_json: bool, plugins_dir: Path | None) -> None:
    """Check the installation, with advice.

    Checks versions, devices, decoders, weights, plugins, memory and disk space. The output
    identifies neither you nor this machine. The exit code is 1 if something is broken that hdf
    needs.
    """
    from dataclasses import asdict

    from hdf.registry.registry import discover
    from hdf.tools.doctor import examine

    found = examine(discover(plugins_dir))
    broken = [finding for finding in found if finding.state == "broken"]
    if as_json:
        show_json({"broken": len(broken), "findings": [asdict(finding) for finding in found]})
    else:
        _show(found)
        click.echo(f"\n{len(broken)} broken" if broken else "\nnothing that hdf needs is broken")
    if broken:
        sys.exit(1)


def _show(found: list[Check]) -> None:
    for section in dict.fromkeys(finding.section for finding in found):
        own = [finding for finding in found if finding.section == section]
        width = max(len(finding.name) for finding in own)
        click.echo(f"\n{section}")
        for finding in own:
            click.echo(f"  {finding.state:6}  {finding.name:{width}}  {printable(finding.value)}")
            if finding.advice:
                click.echo(f"  {'':6}  {'':{width}}  -> {printable(finding.advice)}")
