"""A folder of radiographs with boxes in CVAT's XML."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from xml.etree.ElementTree import Element

from hdf import Sample
from hdf.errors import user_error
from hdf_plugins.loaders.annotated import Annotated, annotated_samples, safe_name
from hdf_plugins.loaders.annotations import box_of, frame_of, number_of
from hdf_plugins.loaders.text_files import read_xml

CORNERS = ("xtl", "ytl", "xbr", "ybr")
OTHERS = ("polygon", "polyline", "points", "ellipse", "cuboid", "mask", "skeleton")


class Cvat:
    """Images, and the boxes of an export as "CVAT for images 1.1".

    Args:
        images: folder of image files; names in the file may lead into its sub-folders.
        annotations: the XML file, ``annotations.xml`` in CVAT's archive. Its images are the data
            set; one without a box is an image without a box.
    """

    def __init__(self, *, images: Path, annotations: Path) -> None:
        self.images = Path(images)
        self.annotations = Path(annotations)

    def records(self) -> list[Sample]:
        """One sample an image, in the order of their ids.

        Raises:
            UserError: the folder or the file can't be used at all; all reasons at once.
        """
        return annotated_samples(self.images, partial(_read, self.annotations))


def _read(path: Path) -> tuple[list[Annotated], dict[str, str]]:
    root = read_xml(path, "annotations")
    if root.find("track") is not None:
        raise user_error(
            "is of CVAT's format for videos; export the task as 'CVAT for images 1.1'", str(path)
        )
    images = [_image(item, path.name, at) for at, item in enumerate(root.iterfind("image"))]
    if not images:
        raise user_error("names no image", where=str(path))
    return images, {}


def _image(item: Element, file: str, at: int) -> Annotated:
    where = f"{file}: image {ascii(item.get('id', f'at position {at}'))[1:-1][:60]}"
    faults: list[str] = []
    image = Annotated(where, safe_name(item.get("name", ""), faults, "name"))
    image.frame = frame_of(item.get("height", ""), item.get("width", ""))
    faults += (
        f"holds a {kind}; hdf reads boxes alone, so draw or export it as a box"
        for kind in OTHERS
        if item.find(kind) is not None
    )
    image.faults += (f"{where}: {fault}" for fault in faults)
    for number, shape in enumerate(item.iterfind("box"), 1):
        box = box_of(shape.get(corner, "") for corner in CORNERS)
        if box is None:
            image.faults.append(f"{where}: box {number} must have {', '.join(CORNERS)} in pixels")
        elif number_of(shape.get("rotation", "0")) != 0:
            image.faults.append(f"{where}: box {number} is rotated; draw it upright")
        else:
            image.add(f"{where}: box {number}", box, shape.get("label", ""))
    return image
