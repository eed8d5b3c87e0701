"""A folder of radiographs with boxes in COCO's JSON.

Source: Lin et al., Microsoft COCO: Common Objects in Context, 2014; https://cocodataset.org,
"Data format".
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hdf import UserError
from hdf.errors import Problem, user_error
from hdf_plugins.loaders.annotated import Annotated, AnnotationLoader, from_size, is_number
from hdf_plugins.loaders.folders import Folder
from hdf_plugins.loaders.text_files import read_json

MAX_SIDE = 1_000_000
LISTS = ("images", "annotations", "categories")
PATIENT = ("patient", "patient_id")
Record = dict[str, Any]
Key = int | str | None


class Coco(AnnotationLoader):
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

    def read(self, folder: Folder) -> list[Annotated]:
        """The images of the file in its order, and then the annotations that belong to none."""
        lists, file = _lists(read_json(self.annotations), self.annotations), self.annotations.name
        labels = _labels(lists["categories"], self.annotations)
        listed: list[Annotated] = []
        by_key: dict[Key, Annotated] = {}
        for index, record in enumerate(lists["images"]):
            image = _image(record, f"{file}: image {_shown(record, index)}")
            key = _key(record, "id")
            other = by_key.setdefault(key, image)
            if key is None:
                image.refuse("the id is missing, or no whole number or text")
            elif other is not image:
                for each in (image, other):
                    each.refuse("the id is another image's too")
            listed.append(image)
        by_key.pop(None, None)
        return listed + list(_annotate(by_key, lists["annotations"], labels, file))


def _lists(content: Any, path: Path) -> dict[str, list[Any]]:
    if not isinstance(content, dict):
        raise user_error("expected an object with images, annotations and categories", str(path))
    faults = [
        f"{name!r} must be a list, and is {'no list' if name in content else 'missing'}"
        for name in LISTS
        if not isinstance(content.get(name), list)
    ]
    if not faults and not content["images"]:
        faults = ["the list of images is empty"]
    if faults:
        raise UserError(Problem(str(path), fault) for fault in faults)
    return {name: content[name] for name in LISTS}


def _labels(categories: list[Any], path: Path) -> dict[Key, str]:
    found: dict[Key, str] = {}
    problems = []
    for index, record in enumerate(categories):
        where = f"{path}: category {_shown(record, index)}"
        key, name = _key(record, "id"), _text(record, "name")
        if key is None or not name:
            problems.append(Problem(where, "expected an object with an id and a name"))
        elif key in found:
            problems.append(Problem(where, "the id is another category's too"))
        else:
            found[key] = name
    if problems:
        raise UserError(problems)
    return found


def _image(record: Any, where: str) -> Annotated:
    image = Annotated(where, _text(record, "file_name"))
    if not isinstance(record, dict):
        image.refuse("expected an object")
        return image
    patient = next((record[key] for key in PATIENT if record.get(key) is not None), "")
    if isinstance(patient, str | int) and str(patient).isprintable():
        image.patient = str(patient).strip()
    else:
        image.refuse("the patient must be a printable text or a whole number")
    size: list[Any] = [record.get("height"), record.get("width")]
    if all(map(_is_side, size)):
        image.frame = int(size[0]), int(size[1])
    elif size != [None, None]:
        image.refuse("width and height must be whole numbers of pixels, or both left out")
    return image


def _is_side(value: Any) -> bool:
    return is_number(value) and 0 < value <= MAX_SIDE and value == int(value)


def _annotate(
    images: dict[Key, Annotated], annotations: list[Any], labels: dict[Key, str], file: str
) -> Iterator[Annotated]:
    """Give each image its boxes; yields the annotations that belong to none."""
    lost: set[str] = set()
    seen: set[Key] = set()
    for index, record in enumerate(annotations):
        where = f"{file}: annotation {_shown(record, index)}"
        image = images.get(_key(record, "image_id"))
        if image is None:
            stray = Annotated(f"{where} at position {index}" if where in lost else where)
            stray.refuse("image_id is no image's id")
            lost.add(where)
            yield stray
            continue
        key = _key(record, "id")
        if key is not None and key in seen:
            image.faults.append(f"{where}: the id is another annotation's too")
        seen.add(key)
        if record.get("iscrowd") not in (1, True):
            _add_box(image, where, record, labels)


def _add_box(image: Annotated, where: str, record: Record, labels: dict[Key, str]) -> None:
    label = labels.get(_key(record, "category_id"))
    numbers = record.get("bbox")
    if label is None:
        image.faults.append(f"{where}: category_id is no category's id")
    if not (isinstance(numbers, list) and len(numbers) == 4 and all(map(is_number, numbers))):
        message = "bbox must be [x, y, width, height], four numbers of pixels"
        image.faults.append(f"{where}: {message}")
    elif label is not None:
        image.add(where, from_size(*map(float, numbers)), label)


def _key(record: Any, name: str) -> Key:
    value = record.get(name) if isinstance(record, dict) else None
    return value if isinstance(value, int | str) and not isinstance(value, bool) else None


def _text(record: Any, name: str) -> str:
    value = record.get(name) if isinstance(record, dict) else None
    return value if isinstance(value, str) and value.isprintable() else ""


def _shown(record: Any, index: int) -> str:
    """The record's id, or its position where it has none."""
    key = _key(record, "id")
    return f"at position {index}" if key is None else ascii(key)[:60]
