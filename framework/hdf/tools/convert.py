"""What `hdf convert` writes: one function a format, from films to the texts of files."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from io import StringIO
from typing import Any, NamedTuple
from urllib.parse import quote
from xml.etree.ElementTree import Element, indent, tostring

from hdf.images import stem_of


class LabelledImage(NamedTuple):
    """What is written of one image.

    Attributes:
        name: the path of its file below the folder of images, with slashes.
        size: (height, width) in pixels.
        boxes: labels and (x0, y0, x1, y1) in these pixels.
        patient: what stands for its patient; empty where nothing says so.
    """

    name: str
    size: tuple[int, int]
    boxes: list[tuple[str, list[float]]]
    patient: str

    @property
    def stem(self) -> str:
        """The name without its suffix, as of a file beside the image."""
        return stem_of(self.name)


Files = dict[str, str]
"""Texts by their paths in a folder; a single file has an empty path."""


def _csv(films: Sequence[LabelledImage], labels: Sequence[str]) -> Files:
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    patients = any(film.patient for film in films)
    edges = ("x_min", "y_min", "x_max", "y_max")
    header = ("name", "label", *edges, "img_shape_x", "img_shape_y")
    writer.writerow((*header, "patient") if patients else header)
    for film in films:
        height, width = film.size
        about = (width, height, film.patient or film.name) if patients else (width, height)
        boxes = [(label, *map(_number, box)) for label, box in film.boxes]
        writer.writerows((film.name, *box, *about) for box in boxes or [("",) * 5])
    return {"": text.getvalue()}


def _coco(films: Sequence[LabelledImage], labels: Sequence[str]) -> Files:
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, film in enumerate(films, 1):
        height, width = film.size
        image = {"id": number, "file_name": film.name, "width": width, "height": height}
        images.append(image | ({"patient": film.patient} if film.patient else {}))
        for label, (x0, y0, x1, y1) in film.boxes:
            known = {"id": len(annotations) + 1, "image_id": number, "iscrowd": 0}
            box = {"bbox": [x0, y0, x1 - x0, y1 - y0], "area": (x1 - x0) * (y1 - y0)}
            annotations.append({**known, "category_id": labels.index(label) + 1, **box})
    categories = [{"id": number, "name": label} for number, label in enumerate(labels, 1)]
    return _json({"images": images, "annotations": annotations, "categories": categories})


def _voc(films: Sequence[LabelledImage], labels: Sequence[str]) -> Files:
    return {f"{film.stem}.xml": _xml(_voc_of(film)) for film in films}


def _voc_of(film: LabelledImage) -> Element:
    folder, _, name = film.name.rpartition("/")
    height, width = film.size
    size = _node("size", *_leaves(width=width, height=height, depth=1))
    objects = []
    for label, box in film.boxes:
        x0, y0, x1, y1 = map(_number, box)
        corners = _node("bndbox", *_leaves(xmin=x0, ymin=y0, xmax=x1, ymax=y1))
        objects.append(_node("object", *_leaves(name=label), corners))
    return _node("annotation", *_leaves(folder=folder, filename=name), size, *objects)


def _yolo(films: Sequence[LabelledImage], labels: Sequence[str]) -> Files:
    names = "".join(f"  {number}: {json.dumps(label)}\n" for number, label in enumerate(labels))
    files = {"data.yaml": f"names:\n{names}"}
    for film in films:
        height, width = film.size
        lines = []
        for label, (x0, y0, x1, y1) in film.boxes:
            centre = ((x0 + x1) / 2 / width, (y0 + y1) / 2 / height)
            numbers = (*centre, (x1 - x0) / width, (y1 - y0) / height)
            lines.append(" ".join([str(labels.index(label)), *(f"{n:.9f}" for n in numbers)]))
        files[f"labels/{film.stem}.txt"] = "".join(f"{line}\n" for line in lines)
    return files


def _label_studio(films: Sequence[LabelledImage], labels: Sequence[str]) -> Files:
    return _json(
        [
            {
                "data": {"image": f"/data/local-files/?d={quote(film.name)}"},
                "annotations": [{"result": [_region(film, *box) for box in film.boxes]}],
            }
            for film in films
        ]
    )


def _region(film: LabelledImage, label: str, box: list[float]) -> dict[str, Any]:
    height, width = film.size
    x0, y0, x1, y1 = (
        100 * edge / side for edge, side in zip(box, (width, height) * 2, strict=True)
    )
    sides = {"x": x0, "y": y0, "width": x1 - x0, "height": y1 - y0, "rotation": 0}
    return {
        **{"from_name": "label", "to_name": "image", "type": "rectanglelabels"},
        **{"original_width": width, "original_height": height},
        "value": {**sides, "rectanglelabels": [label]},
    }


def _cvat(films: Sequence[LabelledImage], labels: Sequence[str]) -> Files:
    images = []
    for number, film in enumerate(films):
        height, width = film.size
        boxes = []
        for label, box in film.boxes:
            x0, y0, x1, y1 = map(_number, box)
            boxes.append(_node("box", label=label, occluded="0", xtl=x0, ytl=y0, xbr=x1, ybr=y1))
        known = {"id": str(number), "name": film.name, "width": str(width), "height": str(height)}
        images.append(_node("image", *boxes, **known))
    return {"": _xml(_node("annotations", *_leaves(version="1.1"), *images))}


def _number(value: float) -> str:
    return f"{round(value, 4):.11g}"


def _json(value: Any) -> Files:
    return {"": json.dumps(value, indent=1, ensure_ascii=False) + "\n"}


def _node(tag: str, *children: Element, **known: str) -> Element:
    node = Element(tag, known)
    node.extend(children)
    return node


def _leaves(**texts: object) -> list[Element]:
    nodes = [Element(tag) for tag in texts]
    for node in nodes:
        node.text = str(texts[node.tag])
    return nodes


def _xml(root: Element) -> str:
    indent(root)
    return tostring(root, encoding="unicode") + "\n"


WRITERS: dict[str, Callable[[Sequence[LabelledImage], Sequence[str]], Files]] = {
    "csv": _csv,
    "coco": _coco,
    "voc": _voc,
    "yolo": _yolo,
    "label_studio": _label_studio,
    "cvat": _cvat,
}
