"""``hdf recipes``, and ``hdf schema`` for those who write them."""

from __future__ import annotations

import json
from pathlib import Path

import click

from hdf.cli.arguments import PATH, complete_packaged, plugins_dir_option
from hdf.cli.screen import show_json, show_table
from hdf.errors import user_error
from hdf.recipe.load import packaged_recipes

SCHEMA = "hdf-recipe.schema.json"
"""The schema that the third line of a packaged recipe names for editors, a file beside it."""


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME ...]", shell_complete=complete_packaged)
@click.option("--to", type=PATH, default=Path(), metavar="DIR", help="Copy to DIR.")
@click.option("--overwrite", is_flag=True, help="Replace existing files.")
def recipes(names: tuple[str, ...], to: Path, overwrite: bool) -> None:
    """List the packaged recipes, or copy the named ones."""
    from hdf.files.atomic import refuse_unwritable, write_text

    found = {path.stem: path.read_text(encoding="utf-8") for path in packaged_recipes()}
    if not names:  # the first line is the command that runs it, the second says what it does
        rows = [(name, text.splitlines()[1].lstrip("# ")) for name, text in found.items()]
        show_table(("recipe", "what it does"), rows)
        return
    stems = [name.removesuffix(".yaml") for name in names]
    for stem in stems:
        if stem not in found:
            raise user_error(f"no recipe is called {stem!r}; there are: {', '.join(found)}")
    targets = {to / f"{stem}.yaml": found[stem] for stem in stems}
    for target in targets:
        refuse_unwritable(target)
        if target.exists() and not overwrite:
            raise user_error("exists; --overwrite replaces it", where=str(target))
    for target, text in targets.items():
        write_text(target, text)
        click.echo(target)
    if not (to / SCHEMA).exists():
        click.echo(f"for completion in editors run: hdf schema --out {to / SCHEMA}", err=True)


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
