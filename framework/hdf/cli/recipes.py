"""``hdf recipes``."""

from __future__ import annotations

from pathlib import Path

import click

from hdf.cli.arguments import PATH, complete_packaged
from hdf.cli.screen import show_table
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
    found = {path.stem: path for path in packaged_recipes()}
    if not names:
        rows = [(name, _summary(path)) for name, path in found.items()]
        show_table(("recipe", "what it does"), rows)
        return
    for name in names:
        if name.removesuffix(".yaml") not in found:
            raise user_error(f"no recipe is called {name!r}; there are: {', '.join(found)}")
    from hdf.files.atomic import refuse_unwritable, write_text

    sources = [found[name.removesuffix(".yaml")] for name in names]
    for source in sources:
        target = to / source.name
        refuse_unwritable(target)
        if target.exists() and not overwrite:
            raise user_error("exists; --overwrite replaces it", where=str(target))
    for source in sources:
        write_text(to / source.name, source.read_text(encoding="utf-8"))
        click.echo(to / source.name)
    if not (to / SCHEMA).exists():
        click.echo(f"for completion in editors run: hdf schema --out {to / SCHEMA}", err=True)


def _summary(path: Path) -> str:
    """The second line of a recipe says what it does; the first is the command that runs it."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return lines[1].lstrip("# ") if len(lines) > 1 else ""
