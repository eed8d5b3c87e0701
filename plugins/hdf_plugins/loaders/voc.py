"""A folder of radiographs with boxes in Pascal VOC's XML."""

from __future__ import annotations

from pathlib import Path
from xml.etree.ElementTree import Element

from hdf import UserError
from hdf.errors import user_error
from hdf_plugins.loaders.annotated import Annotated, AnnotationLoader, box_of, frame_of
from hdf_plugins.loaders.folders import Folder
from hdf_plugins.loaders.text_files import read_xml

CORNERS = ("xmin", "ymin", "xmax", "ymax")


class Voc(AnnotationLoader):
    """Images, and boxes from one XML file an image, as LabelImg, CVAT and Roboflow write them.

    Corners are taken as edges of the box, as those tools draw them; the original Pascal VOC counts
    pixels from 1, which moves a box by a pixel at most.

    Args:
        images: folder of image files.
        annotations: folder of the XML files, which may lie in its sub-folders; the images' own
            folder if left out. An image without a file is not part of the data set; a file without
            an ``object`` is an image without a box.
    """

    def __init__(self, *, images: Path, annotations: Path | None = None) -> None:
        super().__init__(images=images, annotations=annotations or images)

    def read(self, folder: Folder) -> list[Annotated]:
        files = sorted(self.annotations.rglob("*.xml"))
        if not files:
            there = self.annotations.is_dir()
            message = "the folder holds no .xml file" if there else "there is no such folder"
            raise user_error(message, where=str(self.annotations))
        return [_image(path, path.relative_to(self.annotations)) for path in files]


def _image(path: Path, below: Path) -> Annotated:
    image = Annotated(below.as_posix())
    try:
        root = read_xml(path, "annotation")
    except UserError as error:
        image.refuse(*(problem.message for problem in error.problems))
        return image
    # Tools write names of folders and drives that were theirs; the end of the path is the image's.
    image.name = _text(root, "filename") or path.stem
    if len(below.parts) > 1 and not {"/", "\\"} & set(image.name):
        image.name = (below.parent / image.name).as_posix()
    image.frame = frame_of(_text(root, "size/height"), _text(root, "size/width"))
    for number, item in enumerate(root.iterfind("object"), 1):
        box = box_of(_text(item, f"bndbox/{corner}") for corner in CORNERS)
        if box is None:
            image.refuse(f"object {number}: bndbox must hold {', '.join(CORNERS)} in pixels")
        else:
            image.add(f"{image.where}: object {number}", box, _text(item, "name"))
    return image


def _text(element: Element, path: str) -> str:
    text = (element.findtext(path) or "").strip()
    return text if text.isprintable() else ""
