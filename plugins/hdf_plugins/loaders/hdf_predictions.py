"""A folder of radiographs with the boxes that a model of hdf has found."""

from __future__ import annotations

from pathlib import Path

from hdf.errors import user_error
from hdf_plugins.loaders.annotated import Annotated, AnnotationLoader, number_of
from hdf_plugins.loaders.folders import Folder
from hdf_plugins.loaders.table import read_table

COLUMNS = {"image", "label", "score", "x0", "y0", "x1", "y1"}


class HdfPredictions(AnnotationLoader):
    """Images, and the boxes of ``hdf predict --out FILE.csv`` or of a run's ``predictions.csv``.

    A model's answers become labels: to train a smaller model on, or to correct them in a labelling
    tool after ``hdf convert``. The images of the table are the data set; one of ``hdf predict`` in
    which nothing was found, or nothing with enough score, is an image without a box.

    Args:
        images: folder of image files.
        table: the CSV file.
        min_score: boxes with a smaller score are left out, 0 to 1.
    """

    def __init__(self, *, images: Path, table: Path, min_score: float = 0.0) -> None:
        if not 0 <= min_score <= 1:
            raise ValueError(f"hdf_predictions: min_score is from 0 to 1, not {min_score:g}")
        self.images = Path(images)
        self.table = Path(table)
        self.min_score = min_score

    def read(self, folder: Folder) -> list[Annotated]:
        rows, columns = read_table(self.table)
        if missing := sorted(COLUMNS - set(columns.header)):
            message = f"is no table of hdf's predictions: it has no column {missing[0]}"
            raise user_error(f"{message}; for other tables there is csv_boxes", str(self.table))
        images: dict[str, Annotated] = {}
        for row in rows:
            image = images.setdefault(row.name or row.where, Annotated(row.where, row.name))
            image.faults += row.faults
            if reason := row.cells.get("error"):
                image.refuse(f"hdf predict could not read the image: {reason}")
            score = number_of(row.cells.get("score", ""))
            if row.boxes and score is None:
                image.faults.append(f"{row.where}: score is no number")
            elif row.boxes and score is not None and score >= self.min_score:
                image.boxes += row.boxes
        return list(images.values())
