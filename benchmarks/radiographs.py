"""Files that hdf and its peers read alike: real radiographs, or images made for the purpose."""

from __future__ import annotations

import csv
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

from benchmarks.ellipses import NoisyEllipses

COUNT, SIDE = 200, 512
HEADER = ("label", "x0", "y0", "w", "h", "name", "img_shape_x", "img_shape_y")


@contextmanager
def radiographs(count: int = COUNT) -> Iterator[tuple[Path, Path]]:
    """A folder of PNGs of 512 px, and the table of their heart boxes (columns as RSNA's).

    They are the 200 real ones in HDF_TEST_DATA, or `count` generated ones without it.
    """
    data = os.environ.get("HDF_TEST_DATA")
    if data:
        chest = Path(data) / "chest200"
        yield chest / "images", chest / "heart_boxes.csv"
        return
    with tempfile.TemporaryDirectory() as name:
        yield write_images(Path(name), count)


def write_images(folder: Path, count: int) -> tuple[Path, Path]:
    """Generated images and their table, below `folder`."""
    images, table = folder / "images", folder / "hearts.csv"
    images.mkdir()
    with table.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        for sample in NoisyEllipses(count, (SIDE, SIDE)).records():
            grey = (sample.read()[0].numpy() * 255).round().astype("uint8")
            Image.fromarray(grey).save(images / f"{sample.id}.png")
            assert sample.target is not None
            x0, y0, x1, y1 = sample.target.boxes[0].int().tolist()
            writer.writerow(("heart", x0, y0, x1 - x0, y1 - y0, sample.id, SIDE, SIDE))
    return images, table
