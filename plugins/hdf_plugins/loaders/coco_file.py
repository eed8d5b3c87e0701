"""COCO's JSON, read into records that carry their own faults.

Source: Lin et al., Microsoft COCO: Common Objects in Context, 2014; https://cocodataset.org,
"Data format".
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import Any, NoReturn

from hdf.errors import Problem, UserError, user_error
from hdf.files import read_text
from hdf.types import Fault
from hdf_plugins.loaders.annotations import Box, from_corner_and_size, is_coordinate, misplaced

MAX_BYTES = 200_000_000
MAX_SIDE = 1_000_000
PATIENT = ("patient", "patient_id")
Record = dict[str, Any]
Key = int | str


@dataclass(slots=True)
class Image:
    """One entry of ``images``, and what is annotated in it.

    Attributes:
        where: the file and the entry, for messages.
        name: ``file_name``; empty where it can't be used.
        frame: (height, width), or None where the entry doesn't say.
        patient: whose image it is; empty where the entry doesn't say.
        boxes: in pixels of `frame`, with their labels.
        faults: of the entry and of its annotations.
    """

    where: str
    name: str
    frame: tuple[int, int] | None
    patient: str
    boxes: list[tuple[Box, str]]
    faults: list[str]


def read_coco(path: Path) -> tuple[list[Image], dict[str, str]]:
    """The images of an annotation file.

    Returns:
        The images in the order of the file; and the faults of annotations without an image, by
        where they stand.

    Raises:
        UserError: the file is missing, too large, no UTF-8 text or no JSON, or its lists or its
            categories are not COCO's; with all reasons.
    """
    lists = _lists(_read_json(path), path)
    labels = _labels(lists["categories"], path)
    images: dict[Key | None, Image] = {}
    listed: list[Image] = []
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


def _read_json(path: Path) -> Any:
    """JSON by RFC 8259, which has no NaN."""
    text = read_text(path, MAX_BYTES)
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        where = f"{path}:{error.lineno}"
        message = f"is no JSON from here on: {error.msg} (column {error.colno})"
        raise user_error(message, where) from error
    except RecursionError as error:
        raise user_error("is nested too deeply", where=str(path)) from error
    except ValueError as error:  # NaN, or a number of thousands of digits
        raise user_error(f"is no JSON: {error}", where=str(path)) from error


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON's")


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


def _image(record: Any, where: str) -> Image:
    if not isinstance(record, dict):
        return Image(where, "", None, "", [], [f"{where}: expected an object"])
    faults: list[str] = []
    name, frame, patient = _name(record, faults), _frame(record, faults), _patient(record, faults)
    return Image(where, name, frame, patient, [], [f"{where}: {fault}" for fault in faults])


def _name(record: Record, faults: list[str]) -> str:
    name = _text(record, "file_name")
    # Windows' rules know both slashes, drives and roots, so they refuse what any system would.
    path = PureWindowsPath(name)
    if path.drive or path.root or ".." in path.parts:
        faults.append(f"file_name {name[:80]!r} leads out of the folder of images")
        return ""
    if not path.name:
        faults.append("file_name is missing, empty or not printable")
    return name if path.name else ""


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
    images: dict[Key | None, Image],
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
        faults = list(_add_box(image, record, labels))
        image.faults += (Fault.at(where, fault) for fault in faults)
    return lost


def _add_box(image: Image, record: Record, labels: dict[Key | None, str]) -> Iterator[str]:
    label = labels.get(_key(record, "category_id"))
    numbers = record.get("bbox")
    if label is None:
        yield "category_id is no category's id"
    if not (isinstance(numbers, list) and len(numbers) == 4 and all(map(_is_number, numbers))):
        yield "bbox must be [x, y, width, height], four numbers of pixels"
    elif label is not None:
        box = from_corner_and_size(*map(float, numbers))
        faults = list(misplaced(box, image.frame))
        yield from faults
        image.boxes += [] if faults else [(box, label)]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and is_coordinate(value)


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
