"""An audit as a page with pictures: one file that needs no other."""

from __future__ import annotations

import base64
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from itertools import islice
from pathlib import Path

import torch
from PIL import Image

from hdf.data.decode import in_original_pixels
from hdf.drawing.colours import true_colours
from hdf.report import page
from hdf.tools.audit.audit import Audit
from hdf.tools.audit.finding import KINDS, Finding
from hdf.tools.audit.survey import unpadded

SIDE = 208
QUALITY = 82
MADE_BY = "hdf audit"
MOST_CARDS = 100
"""Of each kind; further ones are told without pictures."""


@dataclass(frozen=True)
class Frame:
    """A box as fractions of its image."""

    x: float
    y: float
    width: float
    height: float
    colour: str


@dataclass(frozen=True)
class Picture:
    """An image in a card.

    Attributes:
        data: a JPEG in base64.
    """

    name: str
    data: str
    frames: list[Frame]


def is_page(path: Path) -> bool:
    """Whether a file was made by `write_page`."""
    return page.is_page(path, MADE_BY)


def write_page(path: Path, title: str, found: Audit) -> None:
    """Write the findings, those of images with pictures; the page holds images of the data set.

    Raises:
        UserError: it can't be written.
    """
    album = _Album(found)
    groups: dict[str, list[Finding]] = defaultdict(list)
    for finding in found.findings:
        groups[finding.kind].append(finding)
    page.write_page(
        path,
        "page.html",
        MADE_BY,
        "hdf.tools.audit",
        title=title,
        count=len(found.samples),
        severe=found.severe_images,
        labels=list(zip(album.labels, album.colours, strict=True)),
        sections=[(kind, KINDS[kind], list(album.cards(items))) for kind, items in groups.items()],
        most=MOST_CARDS,
    )


class _Album:
    """The pictures of an audit's images."""

    def __init__(self, found: Audit) -> None:
        self.store = found.store
        self.labels = found.store.labels if found.store else ()
        self.colours = true_colours(len(self.labels))
        there = found.store.samples if found.store else []
        self.place = {sample.id: place for place, sample in enumerate(there)}
        self.samples = {sample.id: sample for sample in found.samples}

    def cards(self, findings: list[Finding]) -> Iterator[tuple[Finding, list[Picture]]]:
        """Each finding with its pictures, the image itself first."""
        for finding in islice(findings, MOST_CARDS):
            names = (finding.name, *finding.others[:2])
            yield finding, [self._picture(name) for name in names if name in self.place]
        for finding in findings[MOST_CARDS:]:
            yield finding, []

    def _picture(self, name: str) -> Picture:
        assert self.store is not None
        place = self.place[name]
        [image] = self.store.images[torch.tensor([place])]
        film = Image.fromarray(unpadded(image[0], self.store.geometry[place]).numpy())
        film.thumbnail((SIDE, SIDE))
        buffer = BytesIO()
        film.save(buffer, "JPEG", quality=QUALITY)
        return Picture(name, base64.b64encode(buffer.getvalue()).decode(), self._frames(name))

    def _frames(self, name: str) -> list[Frame]:
        target, frames = self.samples[name].target, []
        if target is None or self.store is None:
            return []
        height, width = self.store.geometry[self.place[name]].original_size
        boxes = in_original_pixels(target, (height, width))
        for (x0, y0, x1, y1), label in zip(boxes.tolist(), target.labels, strict=True):
            if label in self.labels:
                colour = self.colours[self.labels.index(label)]
                sizes = (max(0, x1 - x0) / width, max(0, y1 - y0) / height)
                frames.append(Frame(x0 / width, y0 / height, *sizes, colour))
        return frames
