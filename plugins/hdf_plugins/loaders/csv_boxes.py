"""A folder of radiographs with a CSV table of boxes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Literal

from hdf import Sample, UserError
from hdf.errors import Problem
from hdf_plugins.loaders.annotated import Annotated, by_image, make_target
from hdf_plugins.loaders.folders import Folder, mask_folders, tried
from hdf_plugins.loaders.table import read_table


class CsvBoxes:
    """Images of a folder, boxes from a table that names them.

    Images of one patient stay on one side of a split. A column ``patient``, or else the image's own
    DICOM header, names the patient; without either each image counts as a patient of its own.

    Args:
        images: folder of image files. The table may name them with their path or without it, with
            or without the suffix and in any case of letters, where only one image fits.
        table: CSV with a column for the image's name and four for the box: corners
            (``x_min,y_min,x_max,y_max``), corner and size (``x,y,width,height``) or centre and
            size (``x_center,y_center,width,height``), each in any usual spelling; further ones for
            ``label``, ``patient`` and the frame (``img_shape_x,img_shape_y``). The RSNA Pneumonia
            challenge's own, ``patientId,x,y,width,height,Target``, is one of them. Boxes are in
            pixels of the image, or of the frame. A row whose box is empty says that its image has
            none.
        label: what the boxes are, where the table has no column for it; left out, they are
            ``heart`` where the boxes are corners, and ``opacity`` in the challenge's table.
        columns: columns of other names, as in ``{x_min: links}``, or for a table without a line of
            names their positions from 1 on, as in ``{name: 1, x_min: 2, ...}``.
        frame: (height, width) of what all boxes are measured in, where that is not the image's own
            size: ``[1024, 1024]``, or ``[1, 1]`` for fractions.
        masks: folder with one sub-folder for each label, holding masks of the images' stems;
            inside is where a pixel is not zero.
        unlisted: what to do with an image that the table does not name: report it, or leave it
            out. Those in sub-folders are always left out.
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
        self.read = partial(read_table, self.table, label, columns, frame)
        self.masks = None if masks is None else Path(masks)
        self.unlisted = unlisted

    def records(self) -> list[Sample]:
        """One sample for each image and for each name of the table, in the order of their ids."""
        problems: list[Problem] = []
        folder = Folder(self.images)
        table = tried(self.read, problems)
        tried(folder.refuse_empty, problems)
        labels = {label for row in table[0] for _, label in row.boxes} if table else set()
        masks = tried(partial(mask_folders, self.masks, labels), problems) if self.masks else {}
        if problems or table is None or masks is None:
            raise UserError(problems)
        rows, columns = table
        images = by_image(folder, rows)
        several = columns.challenge and self.masks is None
        for _, said in images.values():
            _refuse_clashes(said, several, "label" in columns.roles)
        samples = [_sample(folder, id, *images[id], masks) for id in images]
        others = folder.images() if self.unlisted == "error" else {}
        samples += (
            Sample.broken(
                id,
                f"{folder.name}/{paths[0].name}: no row in {self.table.name}; add one, or set the "
                "loader's `unlisted: ignore` to leave out such images",
            )
            for id, paths in others.items()
            if id not in images
        )
        return sorted(samples, key=lambda sample: sample.id)


def _sample(
    folder: Folder, id: str, files: list[Path], rows: Sequence[Annotated], masks: dict[str, Folder]
) -> Sample:
    boxes = [box for row in rows for box in row.boxes]
    found = [(masks[label], masks[label].find(id)) for _, label in boxes if masks]
    faults = [fault for row in rows for fault in row.faults] or [
        f"{at.path.parent.name}/{at.name}: {'several masks' if layers else 'no mask'} for the "
        f"image {id!r}"
        for at, layers in found
        if len(layers) != 1
    ]
    if faults:
        return Sample.broken(id, *faults)
    target = make_target(boxes, rows[0].frame)
    where, layers = ", ".join(row.where for row in rows), [layer[0] for _, layer in found]
    return folder.sample(id, files[0], where, target, patient=rows[0].patient, masks=layers)


def _refuse_clashes(rows: Sequence[Annotated], several: bool, labelled: bool) -> None:
    """Let rows of one image that contradict each other have faults.

    Where the table is `labelled`, a row without a box lacks its own label alone.
    """
    if rows[0].faults:
        return
    first: dict[str, Annotated] = {}
    for row in (row for row in rows if not row.faults):
        see = f"see {rows[0].where}"
        if not labelled and bool(row.boxes) != bool(rows[0].boxes):
            row.refuse(f"the image has a box and has none, {see}")
        if row.frame != rows[0].frame:
            row.refuse(f"another img_shape than in {rows[0].where}, for one image")
        if row.patient != rows[0].patient:
            row.refuse(f"another patient than in {rows[0].where}, for one image")
        for _, label in row.boxes if not several else ():
            earlier = first.setdefault(label, row)
            if earlier is not row:
                message = f"a second {label!r} box of {row.name!r}; keep one of them"
                row.refuse(f"{message}, see {earlier.where}")
