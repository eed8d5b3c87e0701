"""A folder of radiographs with boxes in Label Studio's JSON."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from hdf.errors import user_error
from hdf_plugins.loaders.annotated import Annotated, AnnotationLoader, from_size, is_number
from hdf_plugins.loaders.folders import Folder
from hdf_plugins.loaders.text_files import read_json

PERCENT = (100, 100)
SIDES = ("x", "y", "width", "height")
HASH = re.compile(r"[0-9a-f]{8}-(?=[^/\\]+$)")  # in the last part of a path
Record = dict[str, Any]


class LabelStudio(AnnotationLoader):
    """Images, and the rectangles of an export as JSON or JSON-MIN.

    Where Label Studio was given a file, it has put eight hexadecimal digits before its name; the
    image is found with them and without. Of several annotations of one image the last counts that
    was not cancelled.

    Args:
        images: folder of image files.
        annotations: the JSON file. Its tasks are the data set; one that was annotated without a
            rectangle is an image without a box, and one that was not annotated is left out.
    """

    def read(self, folder: Folder) -> list[Annotated]:
        path, content = self.annotations, read_json(self.annotations)
        tasks = _records(content)
        if not tasks or len(tasks) < len(content):
            raise user_error("expected Label Studio's list of tasks (JSON or JSON-MIN)", str(path))
        found = (_image(task, path.name, at) for at, task in enumerate(tasks))
        images = [image for image in found if image is not None]
        if not images:
            raise user_error("none of the tasks is annotated", where=str(path))
        for image in images:
            bare = HASH.sub("", image.name, count=1)
            if not folder.find(image.name) and folder.find(bare):
                image.name = bare
        return images


def _image(task: Record, file: str, at: int) -> Annotated | None:
    """None where nobody has annotated the task."""
    results, id = _results(task), task.get("id")
    if results is None:
        return None
    where = f"{file}: task {id if isinstance(id, int) else f'at position {at}'}"
    image = Annotated(where, _name(task), PERCENT)
    for number, result in enumerate(results, 1):
        _add(image, f"region {number}", result)
    return image


def _results(task: Record) -> list[Record] | None:
    if "annotations" not in task and "completions" not in task:  # JSON-MIN
        return [each for item in task.values() for each in _records(item)]
    annotations = _records(task.get("annotations") or task.get("completions"))
    done = [item for item in annotations if not item.get("was_cancelled")]
    return _records(done[-1].get("result")) if done else None


def _records(value: Any) -> list[Record]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _name(task: Record) -> str:
    """The file's name in what a task's image is called: an upload, a local file or an address."""
    data = task.get("data")
    values = data if isinstance(data, dict) else task
    texts = [value for value in values.values() if isinstance(value, str)]
    addresses = (text for text in texts if "/" in text)
    stated = str(values.get("image") or next(addresses, ""))
    parts = urlsplit(stated)
    local = parse_qs(parts.query).get("d")  # /data/local-files/?d=folder/film.png
    return local[0] if local else unquote(parts.path.rpartition("/")[2])


def _add(image: Annotated, region: str, result: Record) -> None:
    value = result.get("value", result)
    labels = value.get("rectanglelabels") if isinstance(value, dict) else None
    if not isinstance(labels, list):
        if result.get("type", "rectanglelabels") in ("choices", "rating", "textarea", "number"):
            return  # said of the whole image
        image.refuse(f"{region}: is no rectangle with a label; hdf reads rectangles alone")
    elif not all(is_number(value.get(side)) for side in SIDES):
        image.refuse(f"{region}: expected {', '.join(SIDES)}, four percentages")
    elif value.get("rotation"):
        image.refuse(f"{region}: the rectangle is rotated; draw it upright")
    else:
        box = from_size(*(float(value[side]) for side in SIDES))
        for label in labels:
            image.add(f"{image.where}: {region}", box, str(label))
