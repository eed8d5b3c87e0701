"""A folder of radiographs with boxes in CVAT's XML."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from hdf.errors import user_error
from hdf_plugins.loaders.annotated import Annotated, AnnotationLoader, box_of, frame_of, number_of
from hdf_plugins.loaders.folders import Folder
from hdf_plugins.loaders.text_files import read_xml

CORNERS = ("xtl", "ytl", "xbr", "ybr")
OTHERS = ("polygon", "polyline", "points", "ellipse", "cuboid", "mask", "skeleton")


class Cvat(AnnotationLoader):
    """Images, and the boxes of an export as "CVAT for images 1.1".

    Args:
        images: folder of image files; names in the file may lead into its sub-folders.
        annotations: the XML file, ``annotations.xml`` in CVAT's archive. Its images are the data
            set; one without a box is an image without a box.
    """

    def read(self, folder: Folder) -> list[Annotated]:
        path = self.annotations
        root = read_xml(path, "annotations")
        if root.find("track") is not None:
            message = "is of CVAT's format for videos; export the task as 'CVAT for images 1.1'"
            raise user_error(message, str(path))
        images = [_image(item, path.name, at) for at, item in enumerate(root.iterfind("image"))]
        if not images:
            raise user_error("names no image", where=str(path))
        return images


def _image(item: Element, file: str, at: int) -> Annotated:
    where = f"{file}: image {ascii(item.get('id', f'at position {at}'))[1:-1][:60]}"
    frame = frame_of(item.get("height", ""), item.get("width", ""))
    image = Annotated(where, item.get("name", ""), frame)
    for kind in OTHERS:
        if item.find(kind) is not None:
            image.refuse(f"holds a {kind}; hdf reads boxes alone, so draw or export it as a box")
    for number, shape in enumerate(item.iterfind("box"), 1):
        box = box_of(shape.get(corner, "") for corner in CORNERS)
        if box is None:
            image.refuse(f"box {number} must have {', '.join(CORNERS)} in pixels")
        elif number_of(shape.get("rotation", "0")) != 0:
            image.refuse(f"box {number} is rotated; draw it upright")
        else:
            image.add(f"{where}: box {number}", box, shape.get("label", ""))
    return image
