"""``hdf schema``."""

from __future__ import annotations

import json
from pathlib import Path

import click

from hdf.cli.arguments import PATH, plugins_dir_option
from hdf.cli.screen import show_json


@click.command()
@click.option(
    "--out",
    type=PATH,
    metavar="FILE",
    help="Write to this file; a schema that hdf wrote is replaced.",
)
@click.option("--overwrite", is_flag=True, help="Replace FILE even if hdf schema did not write it.")
@plugins_dir_option
def schema(out: Path | None, overwrite: bool, plugins_dir: Path | None) -> None:
    """Print the JSON Schema of recipes, for editors.

    It includes the options of all installed components. A component that can't be imported is
    omitted, and named on stderr.
    """
    from hdf.files.atomic import refuse_path, write_json
    from hdf.recipe.json_schema import recipe_schema
    from hdf.registry.registry import discover

    if out is not None:
        refuse_path(out, "recipe's schema", _is_own, overwrite)
    found, left_out = recipe_schema(discover(plugins_dir))
    for reason in left_out:
        click.echo(f"left out: {reason}", err=True)
    if out is None:
        show_json(found)
    else:
        write_json(out, found)
        click.echo(out)


def _is_own(path: Path) -> bool:
    from hdf.recipe.json_schema import TITLE

    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return False
    return isinstance(found, dict) and found.get("title") == TITLE
