"""A folder of radiographs with boxes in COCO's JSON."""

from __future__ import annotations

from collections import defaultdict
from functools import partial
from pathlib import Path, PurePosixPath

from hdf import Sample, UserError
from hdf.errors import Problem
from hdf.files import is_file
from hdf.images import SUFFIXES
from hdf_plugins.loaders.annotations import make_target
from hdf_plugins.loaders.coco_file import Image, read_coco
from hdf_plugins.loaders.folders import image_sample, require_folder, tried


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
        self.source = self.images.absolute().name

    def records(self) -> list[Sample]:
        """One sample for each image, and for each annotation without an image, in the order of ids.

        Raises:
            UserError: the folder or the file can't be used; with all reasons.
        """
        problems: list[Problem] = []
        tried(partial(require_folder, self.images), problems)
        found = tried(partial(read_coco, self.annotations), problems)
        if problems or found is None:
            raise UserError(problems)
        images, lost = found
        named: dict[str, list[Image]] = defaultdict(list)
        for image in images:
            stem = str(PurePosixPath(image.name).with_suffix("")) if image.name else image.where
            named[stem].append(image)
        samples = [self._sample(id, group) for id, group in named.items()]
        samples += [Sample.broken(where, fault) for where, fault in lost.items()]
        return sorted(samples, key=lambda sample: sample.id)

    def _sample(self, id: str, images: list[Image]) -> Sample:
        image = images[0]
        path = self.images / image.name
        faults = [fault for item in images for fault in item.faults]
        faults += (
            f"{item.where}: another image has this file_name, but for the suffix at most"
            for item in images[1:]
        )
        if image.name:
            faults += _file_faults(image, path)
        if faults:
            return Sample.broken(id, *faults)
        target = make_target(image.boxes, image.frame)
        return image_sample(
            id, path, image.patient, target=target, source=self.source, where=image.where
        )


def _file_faults(image: Image, path: Path) -> list[str]:
    shown = repr(image.name[:80])
    if path.suffix.lower() not in SUFFIXES:
        return [f"{image.where}: {shown} is no {', '.join(SUFFIXES)} file"]
    return [] if is_file(path) else [f"{image.where}: there is no file {shown} in {path.parent}"]
