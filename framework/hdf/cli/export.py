"""``hdf export``."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from hdf.cli.arguments import PATH, complete_model, plugins_dir_option

KINDS = ("onnx", "pt2")


@click.command()
@click.argument("model", shell_complete=complete_model)
@click.option(
    "--format",
    "kind",
    type=click.Choice(KINDS),
    help="onnx for ONNX Runtime and others, pt2 for torch.export.load; by default FILE's suffix.",
)
@click.option(
    "--out",
    type=PATH,
    metavar="FILE",
    help="The file to write; by default the model's name with .onnx or .pt2.",
)
@click.option(
    "--check",
    "images",
    multiple=True,
    type=PATH,
    metavar="IMAGE|FOLDER",
    help="Compare with PyTorch on these images; by default on painted chests. May be repeated.",
)
@click.option("--overwrite", is_flag=True, help="Replace FILE even if hdf export did not write it.")
@plugins_dir_option
def export(
    model: str,
    kind: str | None,
    out: Path | None,
    images: tuple[Path, ...],
    overwrite: bool,
    plugins_dir: Path | None,
) -> None:
    """Export a model as a graph that does not need hdf.

    MODEL is a shipped model, the folder of a run or a model file. The graph takes one grey image
    [1, 1, H, W] in [0, 1] of any size, and returns boxes in its pixels. It is compared with PyTorch
    before the file is written.

    For research only: hdf is not a medical device.
    """
    from hdf.errors import user_error
    from hdf.files.atomic import refuse_path
    from hdf.images import read_image
    from hdf.inference.load import load_detectors
    from hdf.inference.sources import find_images
    from hdf.registry.registry import discover
    from hdf.tools.export import FORMATS, export_model, painted_chests

    kind = kind or (out.suffix.removeprefix(".") if out else "")
    if kind not in KINDS:
        raise click.UsageError("give --format onnx or pt2, or an --out that ends in .onnx or .pt2")
    out = out or Path(f"{Path(model).absolute().stem}.{kind}")
    refuse_path(out, f"exported {kind} model", FORMATS[kind].is_own, overwrite)
    detector, *others = load_detectors([model], discover(plugins_dir))
    if others:
        raise user_error("contains several models; name the folder or file of one", model)
    click.echo(f"exporting {model} to {out}", err=True)
    found = find_images(images, partial(click.echo, err=True)) if images else []
    shown = (read_image(image.path) for image in found) if images else painted_chests()
    difference = export_model(detector, out, kind, shown)
    click.echo(f"{out}: agrees with PyTorch, edges within {difference.pixels:.2g} px")
