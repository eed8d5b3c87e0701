"""COCO's JSON, read into records that carry their own faults.

Source: Lin et al., Microsoft COCO: Common Objects in Context, 2014; https://cocodataset.org,
"Data format".
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hdf.errors import Problem, UserError, user_error
from hdf_plugins.loaders.annotated import Annotated, safe_name
from hdf_plugins.loaders.annotations import from_corner_and_size, is_number
from hdf_plugins.loaders.text_files import read_json

MAX_SIDE = 1_000_000
PATIENT = ("patient", "patient_id")
Record = dict[str, Any]
Key = int | str


def read_coco(path: Path) -> tuple[list[Annotated], dict[str, str]]:
    """The images of an annotation file.

    Returns:
        The images in the order of the file; and the faults of annotations without an image, by
        where they stand.

    Raises:
        UserError: the file is missing, too large, no UTF-8 text or no JSON, or its lists or its
            categories are not COCO's; with all reasons.
    """
    lists = _lists(read_json(path), path)
    labels = _labels(lists["categories"], path)
    images: dict[Key | None, Annotated] = {}
    listed: list[Annotated] = []
    for index, record in enumerate(lists["images"]):
        image = _image(record, f"{path.name}: image {_shown(record, index)}")
        key = _key(record, "id")
        if key is None:
            image.faults.append(f"{image.where}: the id is missing, or no whole number or text")
        elif key in images:
            image.faults.append(f"{image.where}: the id is another image's too")
            images[key].faults.append(f"{images[key].where}: the id is another image's too")
        else:
            images[key] = image
        listed.append(image)
    return listed, _annotate(images, lists["annotations"], labels, path)


def _lists(content: Any, path: Path) -> dict[str, list[Any]]:
    if not isinstance(content, dict):
        raise user_error("expected an object with images, annotations and categories", str(path))
    names = ("images", "annotations", "categories")
    faults = [
        f"{name!r} must be a list, and is {'no list' if name in content else 'missing'}"
        for name in names
        if not isinstance(content.get(name), list)
    ]
    if not faults and not content["images"]:
        faults = ["the list of images is empty"]
    if faults:
        raise UserError(Problem(str(path), fault) for fault in faults)
    return {name: content[name] for name in names}


def _labels(categories: list[Any], path: Path) -> dict[Key | None, str]:
    found: dict[Key | None, str] = {}
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
    if not isinstance(record, dict):
        return Annotated(where, "", None, "", [], [f"{where}: expected an object"])
    faults: list[str] = []
    name = safe_name(_text(record, "file_name"), faults, "file_name")
    frame, patient = _frame(record, faults), _patient(record, faults)
    return Annotated(where, name, frame, patient, [], [f"{where}: {fault}" for fault in faults])


def _frame(record: Record, faults: list[str]) -> tuple[int, int] | None:
    stated = record.get("height"), record.get("width")
    if stated == (None, None):
        return None
    height, width = map(_side, stated)
    if height and width:
        return height, width
    faults.append("width and height must be whole numbers of pixels, or both left out")
    return None


def _patient(record: Record, faults: list[str]) -> str:
    stated = next((record[key] for key in PATIENT if record.get(key) is not None), "")
    if isinstance(stated, str | int) and str(stated).isprintable():
        return str(stated).strip()
    faults.append("the patient must be a printable text or a whole number")
    return ""


def _side(value: Any) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    usable = isinstance(value, int) and not isinstance(value, bool) and 0 < value <= MAX_SIDE
    return value if usable else 0


def _annotate(
    images: dict[Key | None, Annotated],
    annotations: list[Any],
    labels: dict[Key | None, str],
    path: Path,
) -> dict[str, str]:
    """Give each image its boxes; returns the faults of annotations that belong to none."""
    lost: dict[str, str] = {}
    seen: set[Key | None] = set()
    for index, record in enumerate(annotations):
        where = f"{path.name}: annotation {_shown(record, index)}"
        image = images.get(_key(record, "image_id"))
        if image is None:
            where = f"{where} at position {index}" if where in lost else where
            lost[where] = f"{where}: image_id is no image's id"
            continue
        key = _key(record, "id")
        if key is not None and key in seen:
            image.faults.append(f"{where}: the id is another annotation's too")
        seen.add(key)
        if record.get("iscrowd") in (1, True):
            continue
        _add_box(image, where, record, labels)
    return lost


def _add_box(image: Annotated, where: str, record: Record, labels: dict[Key | None, str]) -> None:
    label = labels.get(_key(record, "category_id"))
    numbers = record.get("bbox")
    if label is None:
        image.faults.append(f"{where}: category_id is no category's id")
    if not (isinstance(numbers, list) and len(numbers) == 4 and all(map(is_number, numbers))):
        message = "bbox must be [x, y, width, height], four numbers of pixels"
        image.faults.append(f"{where}: {message}")
    elif label is not None:
        image.add(where, from_corner_and_size(*map(float, numbers)), label)


def _key(record: Any, name: str) -> Key | None:
    value = record.get(name) if isinstance(record, dict) else None
    usable = isinstance(value, int | str) and not isinstance(value, bool)
    return value if usable else None


def _text(record: Any, name: str) -> str:
    value = record.get(name) if isinstance(record, dict) else None
    return value if isinstance(value, str) and value.isprintable() else ""


def _shown(record: Any, index: int) -> str:
    """The record's id, or its position where it has none."""
    key = _key(record, "id")
    return f"at position {index}" if key is None else ascii(key)[:60]
