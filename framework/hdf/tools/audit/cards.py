"""An audit as a page: a card for each finding, with its images."""

from __future__ import annotations

import base64
from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path

import torch
from PIL import Image

from hdf.data.decode import in_original_pixels
from hdf.drawing.colours import true_colours
from hdf.report import page
from hdf.report.films import Film, Stroke, jpeg
from hdf.tools.audit.audit import Audit
from hdf.tools.audit.finding import KINDS, Finding
from hdf.tools.audit.survey import unpadded

SIDE = 208
MADE_BY = "hdf audit"
is_page = partial(page.is_page, made_by=MADE_BY)
MOST_CARDS = 100
"""Of each kind; further findings have no images."""


def write_page(path: Path, title: str, found: Audit) -> None:
    """Write the findings, with the images that they are about.

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
    """The films of an audit's images."""

    def __init__(self, found: Audit) -> None:
        self.store = found.store
        self.labels, there = (self.store.labels, self.store.samples) if self.store else ((), [])
        self.colours = true_colours(len(self.labels))
        self.position = {sample.id: index for index, sample in enumerate(there)}
        self.samples = {sample.id: sample for sample in found.samples}

    def cards(self, findings: list[Finding]) -> Iterator[tuple[Finding, list[Film]]]:
        """Each finding with its films, the image itself first."""
        for finding in islice(findings, MOST_CARDS):
            names = (finding.name, *finding.others[:2])
            yield finding, [self._film(name) for name in names if name in self.position]
        for finding in findings[MOST_CARDS:]:
            yield finding, []

    def _film(self, name: str) -> Film:
        assert self.store is not None
        position = self.position[name]
        [image] = self.store.images[torch.tensor([position])]
        picture = Image.fromarray(unpadded(image[0], self.store.geometry[position]).numpy())
        picture.thumbnail((SIDE, SIDE))
        return Film(name, base64.b64encode(jpeg(picture)).decode(), self._strokes(name))

    def _strokes(self, name: str) -> list[Stroke]:
        target, strokes = self.samples[name].target, []
        if target is None or self.store is None:
            return []
        height, width = self.store.geometry[self.position[name]].original_size
        boxes = in_original_pixels(target, (height, width))
        for (x0, y0, x1, y1), label in zip(boxes.tolist(), target.labels, strict=True):
            if label in self.labels:
                colour = self.colours[self.labels.index(label)]
                sizes = (max(0, x1 - x0) / width, max(0, y1 - y0) / height)
                strokes.append(Stroke(x0 / width, y0 / height, *sizes, colour, True))
        return strokes
