"""A folder of radiographs with boxes in Pascal VOC's XML."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from hdf import Sample, UserError
from hdf.errors import user_error
from hdf_plugins.loaders.annotated import Annotated, annotated_samples, safe_name
from hdf_plugins.loaders.annotations import box_of, frame_of
from hdf_plugins.loaders.folders import require_folder
from hdf_plugins.loaders.text_files import read_xml, text_of

CORNERS = ("xmin", "ymin", "xmax", "ymax")


class Voc:
    """Images, and boxes from one XML file an image, as LabelImg, CVAT and Roboflow write them.

    Corners are taken as edges of the box, as those tools draw them; the original Pascal VOC counts
    pixels from 1, which moves a box by a pixel at most.

    Args:
        images: folder of image files.
        annotations: folder of the XML files, the images' own folder if left out. An image without
            a file is not part of the data set; a file without an ``object`` is an image without a
            box.
    """

    def __init__(self, *, images: Path, annotations: Path | None = None) -> None:
        self.images = Path(images)
        self.annotations = self.images if annotations is None else Path(annotations)

    def records(self) -> list[Sample]:
        """One sample an XML file, in the order of their ids.

        Raises:
            UserError: a folder can't be used at all; all reasons at once.
        """
        return annotated_samples(self.images, partial(_read, self.annotations))


def _read(folder: Path) -> tuple[list[Annotated], dict[str, str]]:
    require_folder(folder)
    files = sorted(folder.glob("*.xml"))
    if not files:
        raise user_error("the folder holds no .xml file", where=str(folder))
    return [_image(path) for path in files], {}


def _image(path: Path) -> Annotated:
    image = Annotated(path.name, "")
    try:
        root = read_xml(path, "annotation")
    except UserError as error:
        image.faults += (f"{path.name}: {problem.message}" for problem in error.problems)
        return image
    faults: list[str] = []
    # Tools write names of folders and drives that were theirs; the XML's own name is the image's.
    name = text_of(root, "filename") or path.stem
    image.name = safe_name(name.replace("\\", "/").rpartition("/")[2], faults, "filename")
    image.faults += (f"{path.name}: {fault}" for fault in faults)
    image.frame = frame_of(text_of(root, "size/height"), text_of(root, "size/width"))
    for number, item in enumerate(root.iterfind("object"), 1):
        where = f"{path.name}: object {number}"
        box = box_of(text_of(item, f"bndbox/{corner}") for corner in CORNERS)
        if box is None:
            image.faults.append(f"{where}: bndbox must hold {', '.join(CORNERS)} in pixels")
        else:
            image.add(where, box, text_of(item, "name"))
    return image
