"""A folder of radiographs with a CSV table of boxes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Literal, TypeVar

import torch
from torch import Tensor

from hdf import Sample, Target, UserError, read_image
from hdf.errors import Problem, user_error
from hdf.images import SUFFIXES, image_size, read_mask
from hdf_plugins.loaders.table import Row, read_table

Files = dict[str, list[Path]]  # by stem
T = TypeVar("T")


class CsvBoxes:
    """Images found by the stem of their file name, boxes from a table.

    Such a table names no patients: each image counts as a patient of its own.

    Args:
        images: folder of ``.npy``, ``.png`` or ``.jpg`` files; sub-folders are not searched.
        table: CSV with the columns ``label,x0,y0,w,h,name[,img_shape_x,img_shape_y]`` or
            ``name,x_min,y_min,x_max,y_max[,label]``, in pixels of the image, or of a frame
            ``img_shape_x`` wide and ``img_shape_y`` high. ``name`` may carry the file's suffix.
        masks: folder with one sub-folder for each label, holding masks of the images' stems;
            inside is where a pixel is not zero.
        unlisted: what to do with an image that the table does not name: report it, or leave it
            out.
    """

    def __init__(
        self,
        *,
        images: Path,
        table: Path,
        masks: Path | None = None,
        unlisted: Literal["error", "ignore"] = "error",
    ) -> None:
        self.images = Path(images)
        self.table = Path(table)
        self.masks = None if masks is None else Path(masks)
        self.unlisted = unlisted
        self.source = self.images.absolute().name

    def records(self) -> list[Sample]:
        """One sample for each image and for each name of the table, in the order of their ids.

        Raises:
            UserError: a folder or the table can't be used at all; all reasons at once.
        """
        problems: list[Problem] = []
        files = _tried(partial(_files_by_stem, self.images), problems)
        rows = _tried(partial(read_table, self.table), problems)
        labels = {row.label for row in rows or [] if not row.faults}
        masks = _tried(partial(_mask_files, self.masks, labels), problems)
        if files is None or rows is None or masks is None:
            raise UserError(problems)
        rows_of = _rows_by_stem(rows, files)
        listed = rows_of if self.unlisted == "ignore" else files.keys() | rows_of.keys()
        return [
            self._sample(stem, files.get(stem, []), rows_of.get(stem, []), masks)
            for stem in sorted(listed)
        ]

    def _sample(
        self, stem: str, files: list[Path], rows: list[Row], masks: dict[str, Files]
    ) -> Sample:
        faults = [*self._unpaired(files, rows), *_table_faults(rows)]
        if self.masks is not None:
            faults += _mask_faults(self.masks, stem, rows, masks)
        if faults:
            return Sample.broken(stem, *faults)
        layers = [masks[row.label][stem][0] for row in rows] if masks else []
        return Sample(
            stem,
            read=partial(read_image, files[0]),
            target=_target(rows),
            source=self.source,
            where=", ".join(row.place for row in rows),
            read_masks=partial(_read_masks, files[0], layers) if layers else None,
        )

    def _unpaired(self, files: list[Path], rows: list[Row]) -> Iterator[str]:
        if len(files) > 1:
            names = ", ".join(file.name for file in files)
            yield f"{self.source}: {names} have one stem; keep one of them"
        if not rows:
            yield (
                f"{self.source}/{files[0].name}: no row in {self.table.name}; add one, or set "
                "the loader's `unlisted: ignore` to leave out such images"
            )
        if not files:
            for row in (row for row in rows if row.name):
                yield f"{row.place}: no image for the name {row.name[:80]!r} in {self.images}"


def _tried(read: Callable[[], T], problems: list[Problem]) -> T | None:
    try:
        return read()
    except UserError as error:
        problems += error.problems
        return None


def _files_by_stem(folder: Path) -> Files:
    if not folder.is_dir():
        raise user_error("there is no such folder", where=str(folder))
    found: Files = defaultdict(list)
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file():
            found[path.stem].append(path)
    if not found:
        raise user_error(f"the folder holds no {', '.join(SUFFIXES)} file", where=str(folder))
    return dict(found)


def _mask_files(folder: Path | None, labels: Iterable[str]) -> dict[str, Files]:
    if folder is None:
        return {}
    if not folder.is_dir():
        raise user_error("there is no such folder of masks", where=str(folder))
    inside = {path.name: path for path in folder.iterdir()}
    missing = [label for label in sorted(labels) if label not in inside]
    if missing:
        message = "no sub-folder for the masks of the table's label {!r}"
        raise UserError(Problem(str(folder), message.format(label[:80])) for label in missing)
    return {label: _files_by_stem(inside[label]) for label in labels}


def _rows_by_stem(rows: list[Row], files: Files) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[_stem(row.name, files) or row.place].append(row)
    return dict(found)


def _stem(name: str, files: Files) -> str:
    # Only a known suffix is cut: a DICOM's name, such as 1.2.840.113, is full of dots.
    if name not in files and Path(name).suffix.lower() in SUFFIXES:
        return name.rpartition(".")[0]
    return name


def _table_faults(rows: list[Row]) -> Iterator[str]:
    first: dict[str, Row] = {}
    for row in rows:
        yield from row.faults
        earlier = first.setdefault(row.label, row)
        if earlier is not row and not row.faults:
            yield f"{row.place}: a second {row.label!r} box of {row.name!r}, see {earlier.place}"
        if row.frame != rows[0].frame and not (row.faults or rows[0].faults):
            yield f"{row.place}: another img_shape than in {rows[0].place}, for one image"


def _mask_faults(
    folder: Path, stem: str, rows: list[Row], masks: dict[str, Files]
) -> Iterator[str]:
    for row in rows:
        if row.faults:
            continue
        found = masks[row.label].get(stem, [])
        if len(found) != 1:
            kind = "several masks" if found else "no mask"
            yield f"{folder.name}/{row.label}: {kind} for the image {stem!r}"


def _target(rows: list[Row]) -> Target:
    boxes = torch.tensor([row.box for row in rows], dtype=torch.float32)
    return Target(boxes, tuple(row.label for row in rows), frame=rows[0].frame)


def _read_masks(image: Path, masks: Sequence[Path]) -> Tensor:
    size = image_size(image)
    layers = [read_mask(path) for path in masks]
    for path, layer in zip(masks, layers, strict=True):
        if layer.shape != size:
            sizes = " pixels; its image has ".join(f"{h} x {w}" for h, w in (layer.shape, size))
            raise user_error(f"the mask has {sizes}", where=str(path))
    return torch.stack(layers)
