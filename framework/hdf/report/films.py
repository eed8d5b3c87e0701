"""The radiographs of a page: few, small enough to e-mail, each with its boxes."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import torch
from PIL import Image
from torch import Tensor

from hdf.data.decode import attempted, read_pixels
from hdf.drawing.colours import BoxColours, box_colours
from hdf.drawing.shapes import as_grey, as_jpeg
from hdf.evaluation.comparison import Comparison
from hdf.report.figures import spoken
from hdf.types import Sample

MOST = 6
"""Images of each kind: worst, typical and best."""

SIDES = (896, 768, 640, 512, 384, 256)
MOST_BYTES = 80_000
"""Of a JPEG, before base64 adds a third."""


@dataclass(frozen=True)
class Stroke:
    """A box, in pixels of its film."""

    x: float
    y: float
    width: float
    height: float
    colour: str
    true: bool


@dataclass(frozen=True)
class Film:
    """A radiograph with boxes.

    Attributes:
        data: a JPEG in base64; empty if the image can't be read.
        width: of the JPEG in pixels, as is `height`.
    """

    name: str
    data: str = ""
    strokes: list[Stroke] = field(default_factory=list)
    width: int = 0
    height: int = 0
    caption: str = ""


def image_iou(comparison: Comparison) -> dict[int, float]:
    """The mean IoU over the true boxes of each image that has one, by its position."""
    image, scores = comparison.matches.image, comparison.matches.iou.double()
    size = len(comparison.images)
    count, total = torch.bincount(image, minlength=size), torch.bincount(image, scores, size)
    known = count.nonzero().flatten()
    return dict(zip(known.tolist(), (total[known] / count[known]).tolist(), strict=True))


def albums(
    comparison: Comparison, samples: Mapping[str, Sample]
) -> list[tuple[str, str, list[Film]]]:
    """The worst, the typical and the best images, each with title and criterion; none twice.

    Args:
        samples: by id; one that is missing, or can't be read, is shown without its image.
    """
    scores = image_iou(comparison)
    order = sorted(scores, key=lambda index: (scores[index], comparison.images[index]))
    count = max(1, min(MOST, len(order) // 3))
    rest = order[count:]
    middle = rest[:-count]
    start = max(0, len(middle) - count) // 2
    kinds = (
        ("Worst", "the lowest mean IoU, the worst first", order[:count]),
        ("Typical", "around the median", middle[start : start + count]),
        ("Best", "the highest mean IoU, the best first", rest[::-1][:count]),
    )
    return [
        (title, criterion, [film_of(comparison, samples, index) for index in chosen])
        for title, criterion, chosen in kinds
        if chosen
    ]


def film_of(comparison: Comparison, samples: Mapping[str, Sample], index: int) -> Film:
    """The film of an image, by its position in the comparison."""
    matches, name = comparison.matches, comparison.images[index]
    part = matches.part(matches.image == index)
    scores = zip(part.label, part.iou.tolist(), strict=True)
    caption = "IoU " + ", ".join(f"{spoken(label)} {iou:.3f}" for label, iou in scores)
    image = attempted(read_pixels, samples[name]) if name in samples else None
    if not isinstance(image, Tensor):
        return Film(name, caption=f"{caption}; the image can't be read")
    data, scale, (width, height) = encoded(image)
    colours = colours_of(matches.label)
    strokes = []
    for label, true, box in zip(part.label, part.true * scale, part.box * scale, strict=True):
        if not box.isnan().any():
            strokes.append(stroke(box, colours[label].predicted, False))
        strokes.append(stroke(true, colours[label].true, True))
    return Film(name, data, strokes, width, height, caption)


def colours_of(labels: Iterable[str]) -> dict[str, BoxColours]:
    """The colours of each label's boxes, as in hdf's other pictures."""
    names = dict.fromkeys(labels)
    return dict(zip(names, box_colours(len(names)), strict=True))


def stroke(box: Tensor, colour: str, true: bool) -> Stroke:
    """A box [4] in pixels of its film, to a tenth of a pixel; a negative side becomes 0."""
    x0, y0, x1, y1 = (round(edge, 1) for edge in box.tolist())
    return Stroke(x0, y0, round(max(0, x1 - x0), 1), round(max(0, y1 - y0), 1), colour, true)


def encoded(image: Tensor) -> tuple[str, float, tuple[int, int]]:
    """A radiograph as a JPEG of at most `MOST_BYTES`, or of the smallest of `SIDES`.

    Args:
        image: float32 [1, H, W] in [0, 1].

    Returns:
        The JPEG in base64, the width of an original pixel in it, and its (width, height).
    """
    for side in SIDES:
        grey, scale = as_grey(image, 1, side)
        data = as_jpeg(Image.fromarray(grey))
        if len(data) <= MOST_BYTES:
            break
    return base64.b64encode(data).decode(), scale, (grey.shape[1], grey.shape[0])
