"""Tables and annotations that a stranger may write, from nearly right to none at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

from hypothesis import strategies as st

from tests.faults.strange import names, values

Draw = Callable[[st.SearchStrategy[Any]], Any]

IMAGES = ("a.png", "b.png", "c.png", "1.2.840.png")
"""Each 40 pixels wide and 48 high."""

HEADERS = (
    "label,x0,y0,w,h,name",
    "name,x_min,y_min,x_max,y_max",
    "name,x_min,y_min,x_max,y_max,label,patient",
    "label,x0,y0,w,h,name,img_shape_x,img_shape_y",
    "patientId,x,y,width,height,Target",
)
_WORDS = {"name": IMAGES, "patientid": IMAGES, "label": ("heart", "left_lung"), "target": "01"}
CELLS = (
    "", " ", "nan", "NaN", "inf", "-inf", "1e999", "-5", "1e7", "1e30", "0", "1", "9" * 400, "0x10",
    "1_0", "\u0663", "heart", "left_lung", "../a", "../../etc/passwd", "/etc/passwd", "a", "a.PNG",
    "a.b.png", "..", ".", "\0", '"', '""', '"a', "'", "=cmd|'/C calc'!A0", "a\\b", "C:\\a",
    "\ud800", "\u202e", "x" * 300, ",", ";", "\t", "10,5", "\ufeff", "b", "c.png", "\x1b[31m",
)  # fmt: skip
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "latin-1", "cp1252", "utf-32")
ENDS = ("\n", "\r\n", "\r", "\n\n", "\0\n", "\x85")


@st.composite
def csv_tables(draw: Draw) -> bytes:
    """A table of one of the known forms with some cells that are none."""
    header = draw(st.sampled_from(HEADERS))
    columns = header.split(",")
    lines = [_header(draw, columns)]
    for _ in range(draw(st.integers(0, 5))):
        cells = [str(_sound(draw, column.lower())) for column in columns]
        for _ in range(draw(st.sampled_from((0, 0, 1, 1, 3)))):
            cells[draw(st.integers(0, len(cells) - 1))] = draw(st.sampled_from(CELLS) | st.text())
        cut = draw(st.sampled_from((0, 0, 0, 0, 1)))
        lines.append(",".join(cells[cut:]))
    text = draw(st.sampled_from(ENDS)).join(lines) if draw(st.booleans()) else "\n".join(lines)
    return _damaged(draw, _encoded(draw, text))


def _header(draw: Draw, columns: list[str]) -> str:
    way = draw(
        st.sampled_from(("as it is",) * 6 + ("lost", "twice", "renamed", "shuffled", "upper"))
    )
    columns = list(columns)
    place = draw(st.integers(0, len(columns) - 1))
    if way == "lost":
        del columns[place]
    elif way == "twice":
        columns.append(columns[place])
    elif way == "renamed":
        columns[place] = draw(names)
    elif way == "shuffled":
        columns.reverse()
    return ",".join(columns).upper() if way == "upper" else ",".join(columns)


def _sound(draw: Draw, column: str) -> object:
    if column in _WORDS:
        return draw(st.sampled_from(_WORDS[column]))
    if column.startswith("img_shape"):
        return {"img_shape_x": 40, "img_shape_y": 48}[column]
    return draw(st.integers(0, 18)) + (20 if column in ("x_max", "y_max") else 1)


def _encoded(draw: Draw, text: str) -> bytes:
    encoding = draw(st.sampled_from(("utf-8",) * 8 + ENCODINGS))
    try:
        return text.encode(encoding)
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def _damaged(draw: Draw, content: bytes) -> bytes:
    way = draw(st.sampled_from(("whole",) * 8 + ("cut", "flipped", "put")))
    place = draw(st.integers(0, max(0, len(content) - 1)))
    if way == "cut":
        return content[:place]
    if way == "put":
        return content[:place] + draw(st.binary(max_size=6)) + content[place:]
    if way == "flipped" and content:
        changed = bytearray(content)
        changed[place] ^= 1 << draw(st.integers(0, 7))
        return bytes(changed)
    return content


COCO: dict[str, Any] = {
    "images": [
        {"id": 1, "file_name": "a.png", "width": 40, "height": 48, "patient": "p"},
        {"id": 2, "file_name": "b.png"},
        {"id": "3", "file_name": "c.png", "width": 20, "height": 24},
    ],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 1, "bbox": [4, 5, 10, 20], "iscrowd": 0},
        {"id": 2, "image_id": "3", "category_id": 2, "bbox": [4.5, 5, 10, 12]},
    ],
    "categories": [{"id": 1, "name": "heart"}, {"id": 2, "name": "left_lung"}],
}
JSONS = (
    '{"images": NaN}', "[" * 100_000, '{"a": ' * 50_000, "9" * 5000, "1e999", '"\\ud800"', "{}",
    "null", '{"images": [], "annotations": [], "categories": []}', '{"images": [', "\ufeff{}", "",
)  # fmt: skip
NUMBERS = (0, -1, 1e308, 10**400, float("nan"), float("inf"), 1e7, 1e8, True, None, "1", [], {})


@st.composite
def coco_files(draw: Draw) -> bytes:
    """COCO's JSON with some values that are others."""
    if draw(st.integers(0, 9)) == 0:
        return str(draw(st.sampled_from(JSONS) | st.text())).encode("utf-8", "surrogatepass")
    content = deepcopy(COCO)
    for _ in range(draw(st.integers(0, 3))):
        _change(draw, content)
    text = json.dumps(content, ensure_ascii=draw(st.booleans()))
    return _damaged(draw, _encoded(draw, text))


def _change(draw: Draw, content: dict[str, Any]) -> None:
    section = content[draw(st.sampled_from(sorted(content)))]
    if not isinstance(section, list) or not section or draw(st.integers(0, 7)) == 0:
        content[draw(st.sampled_from(sorted(content)))] = draw(values)
        return
    place = draw(st.integers(0, len(section) - 1))
    record = section[place]
    if not isinstance(record, dict) or not record or draw(st.integers(0, 5)) == 0:
        section[place] = draw(values)
        return
    key = draw(st.sampled_from(sorted(record)))
    if key == "bbox" and isinstance(record[key], list) and draw(st.booleans()):
        edge = draw(st.integers(0, 3))
        if edge < len(record[key]):
            record[key][edge] = draw(st.sampled_from(NUMBERS) | st.floats() | st.integers())
    elif draw(st.integers(0, 5)) == 0:
        del record[key]
    else:
        record[key] = draw(st.sampled_from((*NUMBERS, *CELLS)) | values)


@st.composite
def lists(draw: Draw) -> bytes:
    """A list of images, an id a line."""
    lines = draw(st.lists(st.sampled_from((*CELLS, "a", "b", "c")), max_size=6))
    return _damaged(draw, _encoded(draw, draw(st.sampled_from(ENDS)).join(lines)))
