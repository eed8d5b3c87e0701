"""A folder of radiographs with boxes in COCO's JSON."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from hdf import Sample
from hdf_plugins.loaders.annotated import annotated_samples
from hdf_plugins.loaders.coco_file import read_coco


class Coco:
    """Images, and boxes from the ``bbox`` of COCO's JSON; the categories' names are the labels.

    Images of one patient stay on one side of a split. An image's key ``patient``, or else its own
    DICOM header, names the patient; without either each image counts as a patient of its own.
    Crowds (``iscrowd: 1``) are left out; polygons and run lengths (``segmentation``) are not read.

    Args:
        images: the folder to which every ``file_name`` is relative; sub-folders may be named.
        annotations: the JSON file with images, annotations and categories. Its images are the data
            set; an image without an annotation has no box. Boxes are rescaled if ``width`` and
            ``height`` differ from the image's own.
    """

    def __init__(self, *, images: Path, annotations: Path) -> None:
        self.images = Path(images)
        self.annotations = Path(annotations)

    def records(self) -> list[Sample]:
        """One sample for each image, and for each annotation without an image, in the order of ids.

        Raises:
            UserError: the folder or the file can't be used; with all reasons.
        """
        return annotated_samples(self.images, partial(read_coco, self.annotations))
