"""``hdf convert``: boxes that one loader reads, written as other tools read them."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hdf.cli.arguments import plugins_dir_option
from hdf.errors import UserError, user_error

if TYPE_CHECKING:
    from hdf.recipe.check import CheckedRecipe
    from hdf.tools.convert import LabelledImage
    from hdf.types import Sample


@click.command()
@click.argument("source", metavar="LOADER|RECIPE")
@click.argument("options", nargs=-1, metavar="[option=value ...]")
@click.option(
    "--to",
    "form",
    type=click.Choice(["csv", "coco", "voc", "yolo", "label_studio", "cvat"]),
    required=True,
    help="How to write; voc and yolo are folders of one file per image.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    metavar="PATH",
    help="The file or folder to write; it must not exist.",
)
@plugins_dir_option
def convert(
    source: str, options: tuple[str, ...], form: str, out: Path, plugins_dir: Path | None
) -> None:
    """Write boxes in the format of another tool.

    LOADER is the name of a loader, with its options: hdf convert voc images=films annotations=xml
    --to coco --out boxes.json. Or it is a RECIPE.yaml, with key.path=value. Images are not copied.
    """
    checked = _checked(source, options, plugins_dir)

    from hdf.files.atomic import refuse_unwritable, write_text
    from hdf.tools.convert import WRITERS

    if out.exists():
        raise user_error("is there already; give another path, or remove it", str(out))
    refuse_unwritable(out)
    films = list(_films(checked).values())
    labels = sorted({label for film in films for label, _ in film.boxes})
    files = WRITERS[form](films, labels)
    if len(files) == 1 and "" in files:
        write_text(out, files[""])
    else:
        _write_folder(out, files)
    click.echo(out)
    _tell(films, form)


def _checked(source: str, options: Sequence[str], plugins_dir: Path | None) -> CheckedRecipe:
    from hdf.recipe.check import check_recipe
    from hdf.recipe.merge import resolve, source_of
    from hdf.registry.registry import discover

    if source.endswith((".yaml", ".yml")):
        merged = resolve(Path(source), options)
    else:
        loader = [f"data.loader.use={source}", *(f"data.loader.{option}" for option in options)]
        merged = source_of(Path("command line"), "{}", loader)
    return check_recipe(merged, discover(plugins_dir))


def _films(checked: CheckedRecipe) -> dict[str, LabelledImage]:
    """The images with their boxes, by name; those with faults are left out if the recipe says so.

    A `UserError` has all faults, or says that there is no box at all.
    """
    from hdf.data.dataset import list_samples
    from hdf.models.build import build

    data, part = checked.recipe.data, checked.parts["data", "loader"]
    samples = list_samples(checked, build(part, labels=data.labels, image_size=data.image_size))
    films: dict[str, LabelledImage] = {}
    errors: list[UserError] = []
    for sample in samples:
        try:
            film = _film(sample)
            if film.name in films:
                raise user_error("two images have this name; a table can't tell them", film.name)
            films[film.name] = film
        except UserError as fault:
            errors.append(fault)
    if errors and (data.on_bad == "error" or not films):
        raise UserError.joined(errors)
    for error in errors:
        click.echo(f"left out: {error}", err=True)
    if not any(film.boxes for film in films.values()):
        raise user_error("no image has a box: there is nothing to write")
    return films


def _film(sample: Sample) -> LabelledImage:
    from hdf.data.decode import fault_of, target_of
    from hdf.images import image_size
    from hdf.tools.convert import LabelledImage

    if error := fault_of(sample):
        raise error
    if not sample.files:
        raise user_error("no file holds this image, so that no table can name it", sample.id)
    path, size = sample.files[0], image_size(sample.files[0])
    target = target_of(sample, size, sample.target.labels if sample.target else ())
    boxes = list(zip(target.labels, target.boxes.tolist(), strict=True))
    patient = "" if sample.group == sample.id else sample.group
    return LabelledImage(_name(sample.id, path), size, boxes, patient)


def _name(id: str, path: Path) -> str:
    """The end of the path that the id tells, which may begin with the name of a source."""
    *folders, _ = id.split("/")
    names = ["/".join([*folders[start:], path.name]) for start in range(len(folders) + 1)]
    return next(name for name in names if f"/{path.as_posix()}".endswith(f"/{name}"))


def _write_folder(out: Path, files: dict[str, str]) -> None:
    """Write beside the place, and then rename."""
    from hdf.files import utf8_name

    unfinished = out.with_name(f".{out.name}.{os.getpid()}.tmp")
    try:
        for name, text in files.items():
            path = unfinished / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(utf8_name(text), encoding="utf-8")
        unfinished.rename(out)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _tell(films: Sequence[LabelledImage], form: str) -> None:
    counts = Counter(label for film in films for label, _ in film.boxes)
    told = ", ".join(f"{count} {label}" for label, count in sorted(counts.items()))
    without = sum(not film.boxes for film in films)
    click.echo(f"{len(films)} images, {without} of them without a box; boxes: {told}", err=True)
    if form not in ("csv", "coco") and any(film.patient for film in films):
        click.echo(f"which images are of one patient is not written: {form} can't say it", err=True)
