"""``hdf compare``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hdf.cli.arguments import PATH, plugins_dir_option
from hdf.cli.screen import show_json, show_table

if TYPE_CHECKING:
    from hdf.tools.compare import Compared

COLUMNS = ("run", "boxes", "metric", "n", "run 1", "this run", "difference", "95 %")
MOST_CHANGED = 5


@click.command()
@click.argument("runs", nargs=-1, required=True, type=PATH, metavar="RUN ...")
@click.option("--json", "json_wanted", is_flag=True, help="Print everything as JSON.")
@click.option(
    "--html",
    type=PATH,
    metavar="FILE.html",
    help="Also write a page with the images that changed most; it contains these images.",
)
@click.option("--overwrite", is_flag=True, help="Replace FILE.html even if it is not a comparison.")
@plugins_dir_option
def compare(
    runs: tuple[Path, ...],
    json_wanted: bool,
    html: Path | None,
    overwrite: bool,
    plugins_dir: Path | None,
) -> None:
    """Compare finished runs with the first, image by image.

    RUN is the folder of a run, a cross-validation or an evaluation. Only images and labels that all
    of them have are compared.
    """
    if len(runs) < 2:
        raise click.UsageError("name two folders or more; the first is the reference")

    from hdf.files.atomic import refuse_path
    from hdf.tools.compare import as_json, compare_runs, is_page

    if html is not None:
        refuse_path(html, "page of a comparison", is_page, overwrite)
    found = compare_runs(runs)
    if json_wanted:
        show_json(as_json(found))
    else:
        _show(found)
    if html is not None:
        _write(html, found, plugins_dir)


def _show(found: Compared) -> None:
    runs = [f"run {number}" for number in range(1, len(found.names) + 1)]
    each = zip(runs, found.names, found.finished, found.left_out, strict=True)
    for run, name, item, left in each:
        more = f"; {left} of its images are not in all runs" if left else ""
        click.echo(f"{run}: {name} ({item.name}){more}")
    click.echo(f"{len(found.images)} images with {found.boxes} true boxes are in all of them")
    if found.moved:
        click.echo(f"{found.moved} of these true boxes are not the same in all runs")
    click.echo()
    show_table(COLUMNS, _rows(found))
    click.echo()
    if found.recipe is None:
        click.echo("some of the folders have no recipe")
    elif found.recipe:
        show_table(("recipe", *runs), [(key, *values) for key, values in found.recipe])
    else:
        click.echo("the recipes are the same")
    click.echo()
    if not found.changed:
        click.echo("no image has changed: its mean IoU is the same in all runs")
        return
    shown = [
        (found.images[index], *(f"{iou:.3f}" for iou in ious))
        for index, ious in found.changed[:MOST_CHANGED]
    ]
    show_table(("changed most", *(f"IoU, {run}" for run in runs)), shown)


def _rows(found: Compared) -> Iterator[tuple[str, ...]]:
    from hdf.tools.compare import METRICS

    for row in found.rows:
        low, high = row["difference_95"]
        yield (
            str(row["run"] + 1),
            row["label"] or "all",
            METRICS[row["metric"]],
            str(row["n"]),
            f"{row['reference']:.4f}",
            f"{row['value']:.4f}",
            f"{row['difference']:+.4f}",
            f"{low:+.4f} to {high:+.4f}",
        )


def _write(html: Path, found: Compared, plugins_dir: Path | None) -> None:
    from hdf.registry.registry import discover
    from hdf.tools.compare import find_samples, write_page

    samples = find_samples(found.finished, discover(plugins_dir)) if found.changed else {}
    write_page(html, found, samples)
    if not found.changed:
        content = "without images: none has changed"
    elif samples:
        content = "contains images of the data set; treat it as you treat them"
    else:
        content = "without images: they are no longer where the runs read them"
    click.echo(f"{html}: {content}", err=True)
