"""Drawing predictions on radiographs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from torch import Tensor

from hdf.drawing.colours import box_colours
from hdf.drawing.png import is_png_of, save_png
from hdf.drawing.shapes import HALO, HALO_ALPHA, LINE, as_grey, blend, frame, rectangle
from hdf.drawing.text import ALARM, FAINT, INK, PAPER, WARNING, font_for, shortened
from hdf.files.atomic import refuse_path, utf8_name
from hdf.inference.answer import Answer
from hdf.inference.sources import ImagePath
from hdf.ratio import RATIO_LABELS

MADE_BY = "hdf predict"
LARGEST_SIDE, SMALLEST_SIDE = 1024, 512
BAND_ALPHA = 0.3
WHITE, BLACK = "#FFFFFF", "#000000"


def overlay_paths(images: Sequence[ImagePath], folder: Path, overwrite: bool) -> dict[Path, Path]:
    """A PNG for each file, below `folder` as the file is below its own; none twice.

    A `UserError` tells that one can't be written, or would replace another file.
    """
    found: dict[Path, Path] = {}  # the file of each PNG
    for image in images:
        path, number = folder / f"{image.stem}.png", 2
        while path in found:
            path, number = folder / f"{image.stem}-{number}.png", number + 1
        refuse_path(path, "overlay", partial(is_png_of, made_by=MADE_BY), overwrite)
        found[path] = image.path
    return {file: path for path, file in found.items()}


def save_overlay(paths: Mapping[Path, Path], path: Path, image: Tensor, answer: Answer) -> None:
    """Draw the answer for the file `path` into the PNG that `paths` names for it."""
    save_png(draw_overlay(image, answer, utf8_name(path)), paths[path], MADE_BY)


def draw_overlay(image: Tensor, answer: Answer, name: str) -> Image.Image:
    """The radiograph as RGB with boxes, the two widths of the ratio, and text below.

    Where a box is calibrated, a band shows its interval. Large images are reduced to
    `LARGEST_SIDE`; lines and text keep their share of the picture.

    Args:
        image: float32 [1, H, W] in [0, 1].
    """
    grey, scale = as_grey(image, SMALLEST_SIDE, LARGEST_SIDE)
    picture = np.stack([grey] * 3, -1)
    shape, line = grey.shape, LINE * max(grey.shape) / SMALLEST_SIDE
    labels = answer.prediction.labels
    colours = {
        label: both.predicted for label, both in zip(labels, box_colours(len(labels)), strict=True)
    }
    boxes = {label: (box * scale).tolist() for label, box in answer.prediction.boxes.items()}
    for label, outer in answer.outer.items():
        band = rectangle((outer * scale).tolist(), shape)
        if label in answer.inner:
            band = band - rectangle((answer.inner[label] * scale).tolist(), shape)
        blend(picture, band * BAND_ALPHA, colours[label])
    for box in boxes.values():
        blend(picture, frame(box, line * HALO / LINE, shape) * HALO_ALPHA, BLACK)
    for label, box in boxes.items():
        blend(picture, frame(box, line, shape), colours[label])
    for x0, y0, x1, y1 in _bars(answer, scale, line):
        halo = (x0 - line / 2, y0 - line / 2, x1 + line / 2, y1 + line / 2)
        blend(picture, rectangle(halo, shape) * HALO_ALPHA, BLACK)
        blend(picture, rectangle((x0, y0, x1, y1), shape), WHITE)
    return _with_foot(Image.fromarray(picture), answer, colours, name)


def _bars(answer: Answer, scale: float, line: float) -> Iterator[tuple[float, ...]]:
    """The widths of heart and thorax, just above and below the middle of the heart."""
    if answer.ratio is None:
        return
    heart, *lungs = ((answer.prediction.boxes[label] * scale).tolist() for label in RATIO_LABELS)
    middle = (heart[1] + heart[3]) / 2
    left, right = min(lung[0] for lung in lungs), max(lung[2] for lung in lungs)
    yield heart[0], middle - 2 * line, heart[2], middle - line
    yield left, middle + line, right, middle + 2 * line


def _with_foot(
    picture: Image.Image, answer: Answer, colours: Mapping[str, str], name: str
) -> Image.Image:
    width, height = picture.size
    font = font_for(max(width, height))
    unit = font.size / 12
    ratio = f"cardiothoracic ratio {answer.ratio_text}" if answer.ratio_text else "no ratio"
    lines = [(name, INK), (ratio, INK)]
    if answer.coverage is not None:
        lines.append((f"shaded: the {answer.coverage:.0%} interval of the edges", INK))
    lines += [*((warning, ALARM) for warning in answer.warnings), (WARNING, FAINT)]
    step = round(20 * unit)
    sheet = Image.new("RGB", (width, height + (len(lines) + 1) * step), PAPER)
    sheet.paste(picture, (0, 0))
    pen = ImageDraw.Draw(sheet)
    left = 4 * unit
    for label, colour in colours.items():
        corner = (left, height + 5 * unit, left + 11 * unit, height + 16 * unit)
        pen.rectangle(corner, outline=colour, width=round(3 * unit))
        pen.text((left + 16 * unit, height + 3 * unit), label.replace("_", " "), INK, font)
        left += 36 * unit + font.getlength(label)
    for row, (text, colour) in enumerate(lines, 1):
        top = height + row * step + 3 * unit
        pen.text((4 * unit, top), shortened(text, width - 8 * unit, font), colour, font)
    return sheet
