"""``hdf recipes``."""

from __future__ import annotations

from pathlib import Path

import click

from hdf.cli.arguments import complete_packaged
from hdf.cli.screen import show_table
from hdf.errors import user_error
from hdf.recipe.load import packaged_recipes

SCHEMA = "hdf-recipe.schema.json"
"""The schema that the third line of a packaged recipe names for editors, a file beside it."""


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME ...]", shell_complete=complete_packaged)
@click.option(
    "--to", type=click.Path(path_type=Path), default=Path(), metavar="DIR", help="Copy to DIR."
)
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
    for name in names:
        _copy(found[name.removesuffix(".yaml")], to, overwrite)
    if not (to / SCHEMA).exists():
        click.echo(f"for completion in editors run: hdf schema --out {to / SCHEMA}", err=True)


def _summary(path: Path) -> str:
    """The second line of a recipe says what it does; the first is the command that runs it."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return lines[1].lstrip("# ") if len(lines) > 1 else ""


def _copy(source: Path, folder: Path, overwrite: bool) -> None:
    from hdf.files.atomic import write_text

    target = folder / source.name
    if target.exists() and not overwrite:
        raise user_error("exists; --overwrite replaces it", where=str(target))
    write_text(target, source.read_text(encoding="utf-8"))
    click.echo(target)
