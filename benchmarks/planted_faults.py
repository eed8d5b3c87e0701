"""A copy of a data set with faults planted in it, whose names and kinds are known."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hdf.boxes import mask_bounds
from hdf_plugins.loaders.phantom import read_image, read_masks

Row = dict[str, Any]
Pixels = NDArray[np.uint8]
COLUMNS = ("label", "x0", "y0", "w", "h", "name", "img_shape_x", "img_shape_y", "patient")


@dataclass
class Copy:
    """A folder of images with a table, and lists of the two sides.

    Attributes:
        rows: one heart an image, by its name.
        planted: name and kind of each fault.
        used: names that must not get a second fault.
    """

    folder: Path
    rows: dict[str, Row]
    random: np.random.Generator
    planted: list[tuple[str, str]] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    val: set[str] = field(default_factory=set)

    def file(self, name: str) -> Path:
        return self.folder / "images" / f"{name}.png"

    def pixels(self, name: str) -> Pixels:
        return np.asarray(Image.open(self.file(name)).convert("L"))

    def fresh(self, side: str = "") -> str:
        """A name without a fault, from ``train`` or ``val`` if that matters."""
        free = [n for n in self.rows if n not in self.used]
        if side:
            free = [n for n in free if (n in self.val) == (side == "val")]
        name = free[self.random.integers(len(free))]
        self.used.add(name)
        return name

    def change(self, kind: str, edit: Callable[[Pixels], Pixels]) -> None:
        """Spoil an image."""
        name = self.fresh()
        Image.fromarray(edit(self.pixels(name))).save(self.file(name))
        self.planted.append((name, kind))

    def move(self, kind: str, edit: Callable[[Row], Row]) -> None:
        """Spoil a box."""
        name = self.fresh()
        self.rows[name] = {**self.rows[name], **edit(self.rows[name])}
        self.planted.append((name, kind))

    def copy(self, kind: str, edit: Callable[[Image.Image], Image.Image]) -> None:
        """Put an image of the training side under another name on the other side."""
        name = self.fresh("train")
        again = f"z{name}"
        edit(Image.fromarray(self.pixels(name))).save(self.file(again))
        self.rows[again] = {**self.rows[name], "name": again, "patient": again}
        self.val.add(again)
        self.used.add(again)
        self.planted.append((again, kind))

    def write(self) -> None:
        """The table and the two lists."""
        with (self.folder / "hearts.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(self.rows.values())
        for side, names in {"train": set(self.rows) - self.val, "val": self.val}.items():
            (self.folder / f"{side}.txt").write_text("\n".join(sorted(names)) + "\n")


def phantom_set(folder: Path, count: int, side: int, seed: int) -> Path:
    """Write phantoms as PNGs with a table of their hearts, laid out as ``chest200`` is."""
    (folder / "images").mkdir(parents=True)
    with (folder / "heart_boxes.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS[:-1])
        for number in range(count):
            name, size = f"p{number:03}", (side, side)
            pixels = (read_image(seed, number, size)[0].numpy() * 255).round().astype(np.uint8)
            Image.fromarray(pixels).save(folder / "images" / f"{name}.png")
            x0, y0, x1, y1 = mask_bounds(read_masks(seed, number, size))[0].int().tolist()
            writer.writerow(("heart", x0, y0, x1 - x0, y1 - y0, name, side, side))
    return folder


def copy_of(data: Path, folder: Path, seed: int) -> Copy:
    """Copy ``chest200``; every fifth image is on the validation side."""
    (folder / "images").mkdir(parents=True)
    for file in sorted((data / "images").iterdir()):
        (folder / "images" / file.name).write_bytes(file.read_bytes())
    with (data / "heart_boxes.csv").open(newline="") as file:
        rows = {row["name"]: {**row, "patient": row["name"]} for row in csv.DictReader(file)}
    val = set(sorted(rows)[::5])
    return Copy(folder, rows, np.random.default_rng(seed), val=val)


def plant(copy: Copy) -> None:
    """Twenty faults: images there twice, patients on both sides, wrong boxes, spoilt images."""
    width, height = copy.pixels(next(iter(copy.rows))).shape[::-1]
    copy.copy("duplicate", lambda image: image)
    copy.copy("near_duplicate", lambda image: _crop(image, 0.06))
    copy.copy("near_duplicate", lambda image: image.point(lambda v: int(255 * (v / 255) ** 1.6)))
    copy.copy("near_duplicate", lambda image: image.resize((300, 300)).rotate(3))
    copy.copy("near_duplicate", lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT))
    for _ in range(2):
        name, other = copy.fresh("val"), copy.fresh("train")
        copy.rows[name]["patient"] = copy.rows[other]["patient"]
        copy.planted.append((name, "patient_on_both_sides"))
    copy.move("box_outside", lambda row: {"x0": width - int(row["w"]) // 2})
    copy.move("box_outside", lambda row: {"y0": -int(row["h"]) // 3})
    copy.move("box_tiny", lambda row: {"w": 6, "h": 5})
    copy.move("box_tiny", lambda row: {"h": int(row["h"]) // 8})
    for _ in range(2):
        copy.move("box_mirrored", lambda row: {"x0": width - int(row["x0"]) - int(row["w"])})
    copy.move("box_far", lambda row: {"x0": 10, "y0": 12})
    copy.move("box_far", lambda row: {"y0": height - int(row["h"])})
    copy.change("inverted", lambda pixels: 255 - pixels)
    copy.change("inverted", lambda pixels: 255 - pixels)
    copy.change("blank", lambda pixels: _noise(copy.random, pixels.shape))
    copy.change("clipped", _clipped)
    name = copy.fresh()
    content = copy.file(name).read_bytes()
    copy.file(name).write_bytes(content[: len(content) // 2])
    copy.planted.append((name, "unreadable"))
    copy.write()


def _crop(image: Image.Image, part: float) -> Image.Image:
    width, height = image.size
    box = (int(width * part), int(height * part), int(width * (1 - part)), int(height * (1 - part)))
    return image.crop(box).resize(image.size)


def _noise(random: np.random.Generator, shape: tuple[int, ...]) -> Pixels:
    return (40 + random.normal(0, 1.5, shape)).round().astype(np.uint8)


def _clipped(pixels: Pixels) -> Pixels:
    """A window so narrow that two thirds of the pixels are black or white."""
    low, high = np.percentile(pixels, [35, 65])
    return ((pixels - low) / max(high - low, 1) * 255).clip(0, 255).astype(np.uint8)
