"""``hdf audit``."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hdf.cli.arguments import PATH, checked_recipe, plugins_dir_option, recipe_arguments
from hdf.cli.screen import reporter, show_json, show_table

if TYPE_CHECKING:
    from hdf.tools.audit.audit import Audit


@click.command()
@recipe_arguments()
@click.option("--json", "json_wanted", is_flag=True, help="Print the findings as JSON.")
@click.option(
    "--html",
    type=PATH,
    metavar="FILE.html",
    help="Also write a page with the images that have findings; it contains these images.",
)
@click.option("--overwrite", is_flag=True, help="Replace FILE.html even if it is no audit's page.")
@click.option("--strict", is_flag=True, help="Exit with code 1 if a finding is severe.")
@plugins_dir_option
def audit(
    recipe: Path,
    overrides: tuple[str, ...],
    json_wanted: bool,
    html: Path | None,
    overwrite: bool,
    strict: bool,
    plugins_dir: Path | None,
) -> None:
    """Look for errors in a recipe's data set.

    Finds duplicates, patients on both sides of the split, boxes away from any organ, inverted,
    blank and clipped images, and everything that hdf run would refuse. No model is built.
    """
    checked, _ = checked_recipe(recipe, overrides, plugins_dir)

    from hdf.files.atomic import refuse_path
    from hdf.models.build import build_components
    from hdf.tools.audit.audit import audit as look
    from hdf.tools.audit.audit import is_page, write_page

    if html is not None:
        refuse_path(html, "page of an audit", is_page, overwrite)
    found = look(checked, build_components(checked).loader, reporter())
    if json_wanted:
        show_json({"findings": [item._asdict() for item in found.findings]})
    else:
        _show(found)
    if html is not None:
        write_page(html, checked.recipe.name, found)
        click.echo(f"{html}: contains images of the data set; treat it as you treat them", err=True)
    if strict and found.severe:
        sys.exit(1)


def _show(found: Audit) -> None:
    rows = [
        (item.severity, item.kind, item.name or "(all)", item.detail) for item in found.findings
    ]
    if rows:
        show_table(("severity", "kind", "image", "what was seen"), rows)
        click.echo()
    kinds = Counter(item.kind for item in found.findings)
    counts = ", ".join(f"{count} {kind}" for kind, count in kinds.items()) or "nothing"
    severe = f"{found.severe_images} of them with severe findings"
    click.echo(f"{len(found.samples)} images, {severe}; found: {counts}")
    click.echo("A finding is a place to look, not a verdict.")
