"""A few small images for each built-in loader, with records that can't be used among them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from hdf_plugins.loaders.concat import Concat
from hdf_plugins.loaders.phantom import Phantom

SIZE = (40, 50)
BOX = (10, 12, 30, 34)


def images(folder: Path, count: int = 3) -> Path:
    """``0.png`` and further, noise."""
    drawn = np.random.default_rng(0).integers(0, 256, (count, *SIZE), dtype=np.uint8)
    folder.mkdir()
    for number, pixels in enumerate(drawn):
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return folder


def csv_boxes(folder: Path) -> dict[str, Any]:
    """The last image has no row, and a row names no image."""
    x0, y0, x1, y1 = BOX
    rows = [
        "name,x_min,y_min,x_max,y_max",
        *(f"{name},{x0},{y0},{x1},{y1}" for name in ("0", "1", "9")),
    ]
    (folder / "boxes.csv").write_text("\n".join(rows) + "\n")
    options = {"images": str(images(folder / "images")), "table": str(folder / "boxes.csv")}
    return {"options": {**options, "label": "heart"}, "faults": 2}


def coco(folder: Path) -> dict[str, Any]:
    """An annotation names no image of the file."""
    x0, y0, x1, y1 = BOX
    box = [x0, y0, x1 - x0, y1 - y0]
    found = {
        "images": [
            {"id": n, "file_name": f"{n}.png", "height": SIZE[0], "width": SIZE[1]}
            for n in range(3)
        ],
        "categories": [{"id": 1, "name": "heart"}],
        "annotations": [
            {"id": n, "image_id": image, "category_id": 1, "bbox": box}
            for n, image in enumerate((0, 1, 9))
        ],
    }
    (folder / "coco.json").write_text(json.dumps(found))
    options = {"images": str(images(folder / "images")), "annotations": str(folder / "coco.json")}
    return {"options": options, "faults": 1}


def voc(folder: Path) -> dict[str, Any]:
    """An XML file names no image."""
    corners = "".join(
        f"<{name}>{edge}</{name}>"
        for name, edge in zip(("xmin", "ymin", "xmax", "ymax"), BOX, strict=True)
    )
    for name in ("0", "1", "9"):
        (folder / f"{name}.xml").write_text(
            f"<annotation><filename>{name}.png</filename>"
            f"<object><name>heart</name><bndbox>{corners}</bndbox></object></annotation>"
        )
    options = {"images": str(images(folder / "images")), "annotations": str(folder)}
    return {"options": options, "faults": 1}


def cvat(folder: Path) -> dict[str, Any]:
    """The last image is not there."""
    x0, y0, x1, y1 = BOX
    box = f'<box label="heart" xtl="{x0}" ytl="{y0}" xbr="{x1}" ybr="{y1}"/>'
    found = "".join(f'<image id="{n}" name="{n}.png">{box}</image>' for n in (0, 1, 9))
    (folder / "annotations.xml").write_text(f"<annotations>{found}</annotations>")
    options = {
        "images": str(images(folder / "images")),
        "annotations": str(folder / "annotations.xml"),
    }
    return {"options": options, "faults": 1}


def yolo(folder: Path) -> dict[str, Any]:
    """A text names no image, and an image has no text."""
    (folder / "labels").mkdir()
    for name in ("0", "1", "9"):
        (folder / "labels" / f"{name}.txt").write_text("0 0.4 0.575 0.4 0.55\n")
    return {"options": {"images": str(images(folder / "images")), "names": ["heart"]}, "faults": 1}


def label_studio(folder: Path) -> dict[str, Any]:
    """The last image is not there."""
    value = {"x": 20, "y": 30, "width": 40, "height": 55, "rectanglelabels": ["heart"]}
    found = [
        {"id": n, "data": {"image": f"/data/upload/1/0123abcd-{n}.png"}}
        | {"annotations": [{"result": [{"type": "rectanglelabels", "value": value}]}]}
        for n in (0, 1, 9)
    ]
    (folder / "export.json").write_text(json.dumps(found))
    options = {"images": str(images(folder / "images")), "annotations": str(folder / "export.json")}
    return {"options": options, "faults": 1}


def hdf_predictions(folder: Path) -> dict[str, Any]:
    """The last image is not there."""
    x0, y0, x1, y1 = BOX
    rows = [f"films/{n}.png,heart,0.9,{x0},{y0},{x1},{y1}\n" for n in (0, 1, 9)]
    (folder / "found.csv").write_text("image,label,score,x0,y0,x1,y1\n" + "".join(rows))
    options = {"images": str(images(folder / "images")), "table": str(folder / "found.csv")}
    return {"options": options, "faults": 1}


def mask_boxes(folder: Path) -> dict[str, Any]:
    """The last image has no mask."""
    x0, y0, x1, y1 = BOX
    mask = np.zeros(SIZE, np.uint8)
    mask[y0:y1, x0:x1] = 255
    (folder / "masks" / "heart").mkdir(parents=True)
    for name in ("0", "1"):
        Image.fromarray(mask).save(folder / "masks" / "heart" / f"{name}.png")
    options = {"images": str(images(folder / "images")), "masks": str(folder / "masks")}
    return {"options": options, "faults": 1}


def image_folder(folder: Path) -> dict[str, Any]:
    return {"options": {"images": str(images(folder / "images"))}}


def phantom(folder: Path) -> dict[str, Any]:
    return {"options": {"count": 3, "size": [64, 64]}}


def concat(folder: Path) -> dict[str, Any]:
    small = {"count": 2, "size": (64, 64)}
    sources = {"one": Phantom(**small), "other": Phantom(seed=1, **small)}  # type: ignore[arg-type]
    return {"loader": Concat(sources=sources)}


LOADERS: dict[str, Callable[[Path], dict[str, Any]]] = {
    made.__name__: made
    for made in (
        csv_boxes,
        coco,
        voc,
        yolo,
        label_studio,
        cvat,
        hdf_predictions,
        mask_boxes,
        image_folder,
        phantom,
        concat,
    )
}
"""By the loader's name, the arguments of its check."""
