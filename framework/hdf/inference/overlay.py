"""Drawing predictions on radiographs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw
from torch import Tensor

from hdf.drawing.colours import COLOURS, true_colours
from hdf.drawing.png import save_png
from hdf.drawing.shapes import HALO, HALO_ALPHA, LINE, as_grey, blend, frame, rectangle
from hdf.drawing.text import ALARM, FAINT, FONT, INK, LINE_HEIGHT, PAPER, WARNING, shortened
from hdf.inference.answer import Answer
from hdf.inference.sources import ImagePath
from hdf.ratio import RATIO_LABELS

MADE_BY = "hdf predict"
LARGEST_SIDE, SMALLEST_SIDE = 1024, 512
THIN = 1.0
WHITE, BLACK = "#FFFFFF", "#000000"


class _Stroke(NamedTuple):
    """A box in pixels of the picture, and how it is drawn."""

    box: tuple[float, ...]
    colour: str
    width: float


def overlay_paths(images: Sequence[ImagePath], folder: Path) -> dict[Path, Path]:
    """A PNG for each file, below `folder` as the file is below its own; none twice."""
    taken: set[Path] = set()
    found: dict[Path, Path] = {}
    for image in images:
        path = bare = (folder / image.name).with_suffix(".png")
        number = 2
        while path in taken:
            path, number = bare.with_stem(f"{bare.stem}-{number}"), number + 1
        taken.add(path)
        found[image.path] = path
    return found


def save_overlay(paths: Mapping[Path, Path], path: Path, image: Tensor, answer: Answer) -> None:
    """Draw the answer for the file `path` into the PNG that `paths` names for it."""
    save_png(draw_overlay(image, answer), paths[path], MADE_BY)


def draw_overlay(image: Tensor, answer: Answer) -> Image.Image:
    """The radiograph as RGB with boxes, the two widths of the ratio, and text below.

    Boxes of the calibrated interval have thin lines. Large images are reduced to `LARGEST_SIDE`.

    Args:
        image: float32 [1, H, W] in [0, 1].
    """
    grey, scale = as_grey(image, SMALLEST_SIDE, LARGEST_SIDE)
    picture = np.stack([grey] * 3, -1)
    labels = answer.prediction.labels
    colours = dict(zip(labels, _colours(len(labels)), strict=True))
    strokes = list(_strokes(answer, colours, scale))
    for stroke in strokes:
        halo = frame(stroke.box, stroke.width * HALO / LINE, picture.shape[:2])
        blend(picture, halo * HALO_ALPHA, BLACK)
    for stroke in strokes:
        blend(picture, frame(stroke.box, stroke.width, picture.shape[:2]), stroke.colour)
    for bar in _bars(answer, scale):
        blend(picture, rectangle(_grown(bar, LINE / 2), picture.shape[:2]) * HALO_ALPHA, BLACK)
        blend(picture, rectangle(bar, picture.shape[:2]), WHITE)
    return _with_foot(Image.fromarray(picture), answer, colours)


def _colours(labels: int) -> list[str]:
    return list(COLOURS[:1]) if labels == 1 else true_colours(labels)


def _strokes(answer: Answer, colours: dict[str, str], scale: float) -> Iterator[_Stroke]:
    sets = ((answer.outer, THIN), (answer.inner, THIN), (answer.prediction.boxes, LINE))
    for boxes, width in sets:
        for label, box in boxes.items():
            yield _Stroke(tuple((box * scale).tolist()), colours[label], width)


def _bars(answer: Answer, scale: float) -> Iterator[tuple[float, ...]]:
    """The widths of heart and thorax, just above and below the middle of the heart."""
    boxes = answer.prediction.boxes
    if answer.ratio is None:
        return
    heart, *lungs = (boxes[label] * scale for label in RATIO_LABELS)
    middle = float(heart[1] + heart[3]) / 2
    left, right = (min(float(lung[0]) for lung in lungs), max(float(lung[2]) for lung in lungs))
    yield float(heart[0]), middle - 2 * LINE, float(heart[2]), middle - LINE
    yield left, middle + LINE, right, middle + 2 * LINE


def _grown(box: Sequence[float], by: float) -> tuple[float, ...]:
    x0, y0, x1, y1 = box
    return x0 - by, y0 - by, x1 + by, y1 + by


def _with_foot(picture: Image.Image, answer: Answer, colours: dict[str, str]) -> Image.Image:
    lines = [(_ratio_text(answer), INK), *((warning, ALARM) for warning in answer.warnings)]
    lines.append((WARNING, FAINT))
    width, height = picture.size
    sheet = Image.new("RGB", (width, height + (len(lines) + 1) * LINE_HEIGHT), PAPER)
    sheet.paste(picture, (0, 0))
    pen = ImageDraw.Draw(sheet)
    left = 4.0
    for label, colour in colours.items():
        pen.rectangle((left, height + 5, left + 11, height + 16), outline=colour, width=3)
        pen.text((left + 16, height + 3), label.replace("_", " "), INK, FONT)
        left += 36 + FONT.getlength(label)
    for row, (text, colour) in enumerate(lines, 1):
        top = height + row * LINE_HEIGHT + 3
        pen.text((4, top), shortened(text, width - 8), colour, FONT)
    return sheet


def _ratio_text(answer: Answer) -> str:
    if answer.ratio is None:
        return "no cardiothoracic ratio: heart and lungs are needed"
    text = f"cardiothoracic ratio {answer.ratio:.2f}"
    if answer.ratio_interval is not None:
        text += " ({:.2f} to {:.2f})".format(*answer.ratio_interval)
    return text
