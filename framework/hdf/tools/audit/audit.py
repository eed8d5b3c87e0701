"""All checks of a recipe's data set, and a page with a card for each finding."""

from __future__ import annotations

import base64
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from hdf.console.progress import Reporter
from hdf.data.dataset import list_samples, read_images
from hdf.data.decode import in_original_pixels
from hdf.data.store import Store
from hdf.drawing.colours import true_colours
from hdf.drawing.shapes import as_jpeg
from hdf.recipe.check import CheckedRecipe
from hdf.report import page
from hdf.report.films import Film, stroke
from hdf.runtime.resources import keep_freed_memory
from hdf.tools.audit import KINDS, Finding, in_order
from hdf.tools.audit.anatomy import find_odd_boxes
from hdf.tools.audit.duplicates import find_duplicates, same_radiographs
from hdf.tools.audit.records import (
    Box,
    find_bad_boxes,
    find_bad_records,
    find_bad_splits,
    parts_of,
)
from hdf.tools.audit.survey import (
    BLANK,
    find_bad_exposures,
    likeness_to_all,
    survey,
    unpadded,
    upright,
)
from hdf.types import Sample

SIDE = 208
MOST_CARDS = 100
"""Of each kind; further findings have no images."""
MADE_BY = "hdf audit"
is_page = partial(page.is_page, made_by=MADE_BY)


@dataclass(frozen=True)
class Audit:
    """A data set, and the findings in it.

    Attributes:
        samples: all that the loader lists.
        store: the images that can be read, without boxes; None if none can.
        findings: severe ones first.
    """

    samples: list[Sample]
    store: Store | None
    findings: list[Finding]

    @property
    def severe(self) -> list[Finding]:
        return [finding for finding in self.findings if finding.severity == "severe"]

    @property
    def severe_images(self) -> int:
        """The number of images with severe findings."""
        return len({name for item in self.severe for name in (item.name, *item.others) if name})


def audit(checked: CheckedRecipe, loader: Any, reporter: Reporter) -> Audit:
    """Look for mistakes in a recipe's data set; no model is built.

    Raises:
        UserError: the loader can list nothing, or the store can't be used.
    """
    keep_freed_memory()
    samples = list_samples(checked, loader)
    store, bad = read_images(checked, samples, reporter)
    recipe = checked.recipe
    findings: list[Finding] = []
    boxes: list[Box] = []
    if store is not None:
        by_id = {sample.id: sample for sample in samples}
        findings, boxes = find_bad_boxes(store, [by_id[sample.id] for sample in store.samples])
    split, left_out = recipe.data.split, {name for name, _ in bad}
    left_out |= {finding.name for finding in findings}
    kept = [s for s in samples if recipe.data.on_bad == "error" or s.id not in left_out]
    findings += find_bad_splits(kept, split, recipe.seed)
    findings += find_bad_records(samples, bad)
    if store is not None:
        ids = [sample.id for sample in kept]
        parts = dict(zip(ids, parts_of(kept, split, recipe.seed), strict=True))
        findings += _of_images(store, boxes, parts, reporter)
    return Audit(samples, store, in_order(findings))


def _of_images(
    store: Store, boxes: list[Box], parts: dict[str, str], reporter: Reporter
) -> Iterator[Finding]:
    with reporter.counting("looking at images") as progress:
        seen = survey(store, progress)
    shows = seen.spread >= BLANK
    likeness = likeness_to_all(seen.small, shows)
    yield from find_bad_exposures(seen, likeness)
    yield from find_odd_boxes(boxes, upright(seen.small, likeness), seen.names)
    with reporter.counting("looking for duplicates") as progress:
        pairs = same_radiographs(seen, shows, progress)
    of_images = [parts.get(name, "unused") for name in seen.names]
    yield from find_duplicates(pairs, seen.names, of_images)


def write_page(path: Path, title: str, found: Audit) -> None:
    """Write the findings, with the images that they are about.

    Raises:
        UserError: it can't be written.
    """
    labels = found.store.labels if found.store else ()
    groups: dict[str, list[Finding]] = defaultdict(list)
    for finding in found.findings:
        groups[finding.kind].append(finding)
    page.write_page(
        path,
        "audit.html",
        MADE_BY,
        "hdf.tools",
        title=title,
        count=len(found.samples),
        severe=found.severe_images,
        labels=list(zip(labels, true_colours(len(labels)), strict=True)),
        sections=[(kind, KINDS[kind], list(_cards(found, own))) for kind, own in groups.items()],
        most=MOST_CARDS,
    )


def _cards(found: Audit, findings: list[Finding]) -> Iterator[tuple[Finding, list[Film]]]:
    """Each finding with its films, the image itself first."""
    store = found.store
    rows = {sample.id: row for row, sample in enumerate(store.samples if store else [])}
    samples = {sample.id: sample for sample in found.samples}
    for number, finding in enumerate(findings):
        names = (finding.name, *finding.others[:2]) if number < MOST_CARDS else ()
        there = [name for name in names if name in rows]
        yield finding, [_film(store, rows[name], samples[name]) for name in there if store]


def _film(store: Store, row: int, sample: Sample) -> Film:
    [image] = store.images[torch.tensor([row])]
    picture = Image.fromarray(unpadded(image[0], store.geometry[row]).numpy())
    picture.thumbnail((SIDE, SIDE))
    data = base64.b64encode(as_jpeg(picture)).decode()
    strokes = []
    if sample.target is not None:
        height, width = size = store.geometry[row].original_size
        colours = dict(zip(store.labels, true_colours(len(store.labels)), strict=True))
        scale = torch.tensor([picture.width / width, picture.height / height]).tile(2)
        boxes = in_original_pixels(sample.target, size) * scale
        named = zip(boxes, sample.target.labels, strict=True)
        strokes = [stroke(box, colours[name], True) for box, name in named if name in colours]
    return Film(sample.id, data, strokes, *picture.size)
