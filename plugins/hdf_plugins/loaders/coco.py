"""A folder of radiographs with boxes in COCO's JSON."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from hdf import Sample
from hdf_plugins.loaders.annotated import annotated_samples
from hdf_plugins.loaders.coco_file import read_coco


class Coco:
    """Images, and boxes from the ``bbox`` of COCO's JSON; the categories' names are the labels.

    Images of one patient, as an image's key ``patient`` or its own DICOM header names it, stay on
    one side of a split. Where neither does, each image counts as a patient of its own. Crowds
    (``iscrowd: 1``) are left out; polygons and run lengths (``segmentation``) are not read.

    Args:
        images: the folder to which every ``file_name`` is relative; sub-folders may be named.
        annotations: the JSON file with images, annotations and categories. Its images are the data
            set; one without an annotation is an image without a box. Boxes are rescaled where
            ``width`` and ``height`` differ from the image's own.
    """

    def __init__(self, *, images: Path, annotations: Path) -> None:
        self.images = Path(images)
        self.annotations = Path(annotations)

    def records(self) -> list[Sample]:
        """One sample an image, in the order of their ids, and one an annotation of no image.

        Raises:
            UserError: the folder or the file can't be used at all; all reasons at once.
        """
        return annotated_samples(self.images, partial(read_coco, self.annotations))
