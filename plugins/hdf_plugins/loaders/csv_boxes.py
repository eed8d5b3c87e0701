"""A folder of radiographs with a CSV table of boxes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Literal

from hdf import Sample, UserError
from hdf.errors import Problem
from hdf_plugins.loaders.annotations import make_target
from hdf_plugins.loaders.folders import (
    Files,
    files_by_stem,
    image_sample,
    mask_files,
    read_masks,
    stem_of,
    tried,
)
from hdf_plugins.loaders.table import Reading, Row, read_table


class CsvBoxes:
    """Images found by the stem of their file name, boxes from a table.

    Images of one patient stay on one side of a split. A column ``patient``, or else the image's own
    DICOM header, names the patient; without either each image counts as a patient of its own.

    Args:
        images: folder of image files. Sub-folders are not searched; a table may name an image in
            one by its path, such as ``ward/film.png``, and a DICOM without a suffix by its name.
        table: CSV with a column for the image's name and four for the box: corners
            (``x_min,y_min,x_max,y_max``), corner and size (``x,y,width,height``) or centre and
            size (``x_center,y_center,width,height``), each in any usual spelling; further ones for
            ``label``, ``patient`` and the frame (``img_shape_x,img_shape_y``). The RSNA Pneumonia
            challenge's own, ``patientId,x,y,width,height,Target``, is one of them. Boxes are in
            pixels of the image, or of the frame. A name may carry the file's suffix.
        label: what the boxes are, where the table has no column for it; left out, they are
            ``heart`` where the boxes are corners, and ``opacity`` in the challenge's table.
        columns: columns of other names, as in ``{x_min: links}``, or for a table without a line of
            names their positions from 1 on, as in ``{name: 1, x_min: 2, ...}``.
        frame: (height, width) of what all boxes are measured in, where that is not the image's own
            size: ``[1024, 1024]``, or ``[1, 1]`` for fractions.
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
        label: str | None = None,
        columns: dict[str, str | int] | None = None,
        frame: tuple[int, int] | None = None,
        masks: Path | None = None,
        unlisted: Literal["error", "ignore"] = "error",
    ) -> None:
        if label == "":
            raise ValueError("csv_boxes: label must not be empty")
        if frame is not None and min(frame) < 1:
            raise ValueError(f"csv_boxes: frame is [height, width] in pixels, not {list(frame)}")
        self.images = Path(images)
        self.table = Path(table)
        self.reading = Reading(label, columns or {}, frame)
        self.masks = None if masks is None else Path(masks)
        self.unlisted = unlisted
        self.source = self.images.absolute().name

    def records(self) -> list[Sample]:
        """One sample for each image and for each name of the table, in the order of their ids.

        Raises:
            UserError: a folder or the table can't be used; with all reasons.
        """
        problems: list[Problem] = []
        table = tried(partial(read_table, self.table, self.reading), problems)
        named = [row.name for row in table.rows] if table else []
        files = tried(partial(files_by_stem, self.images, named), problems)
        labels = table.labels if table else ()
        masks = tried(partial(mask_files, self.masks, labels), problems) if self.masks else {}
        if files is None or table is None or masks is None:
            raise UserError(problems)
        rows_of: dict[str, list[Row]] = defaultdict(list)
        for row in table.rows:
            rows_of[stem_of(row.name, files) or row.where].append(row)
        listed = rows_of if self.unlisted == "ignore" else files.keys() | rows_of.keys()
        several = table.columns.challenge and self.masks is None
        return [
            self._sample(stem, files.get(stem, []), rows_of.get(stem, []), masks, several)
            for stem in sorted(listed)
        ]

    def _sample(
        self,
        stem: str,
        files: list[Path],
        rows: list[Row],
        masks: dict[str, Files],
        several: bool,
    ) -> Sample:
        faults = [*self._unpaired(files, rows), *_table_faults(rows, several)]
        if self.masks is not None:
            faults += _mask_faults(self.masks, stem, rows, masks)
        if faults:
            return Sample.broken(stem, *faults)
        boxed = [(row.box, row.label) for row in rows if row.box]
        layers = [masks[label][stem][0] for _, label in boxed] if masks else []
        return image_sample(
            stem,
            files[0],
            rows[0].patient,
            target=make_target(boxed, rows[0].frame),
            source=self.source,
            where=", ".join(row.where for row in rows),
            read_masks=partial(read_masks, files[0], layers) if layers else None,
            mask_files=tuple(layers),
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
                yield f"{row.where}: no image for the name {row.name[:80]!r} in {self.images}"


def _table_faults(rows: list[Row], several: bool) -> Iterator[str]:
    first: dict[str, Row] = {}
    for row in rows:
        yield from row.faults
        if row.faults or rows[0].faults:
            continue
        if (row.box is None) != (rows[0].box is None):
            yield f"{row.where}: the image has a box and has none, see {rows[0].where}"
        if row.frame != rows[0].frame:
            yield f"{row.where}: another img_shape than in {rows[0].where}, for one image"
        if row.patient != rows[0].patient:
            yield f"{row.where}: another patient than in {rows[0].where}, for one image"
    for row in (row for row in rows if row.box and not several):
        earlier = first.setdefault(row.label, row)
        if earlier is not row and not row.faults:
            yield f"{row.where}: a second {row.label!r} box of {row.name!r}, see {earlier.where}"


def _mask_faults(
    folder: Path, stem: str, rows: list[Row], masks: dict[str, Files]
) -> Iterator[str]:
    for row in rows:
        if row.faults or not row.box:
            continue
        found = masks[row.label].get(stem, [])
        if len(found) != 1:
            kind = "several masks" if found else "no mask"
            yield f"{folder.name}/{row.label}: {kind} for the image {stem!r}"
