"""All checks of a recipe's data set."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hdf.console.progress import Reporter
from hdf.data.dataset import list_samples, read_images
from hdf.data.store import Store
from hdf.recipe.check import CheckedRecipe
from hdf.runtime.resources import keep_freed_memory
from hdf.tools.audit.anatomy import find_odd_boxes
from hdf.tools.audit.duplicates import find_duplicates, same_radiographs
from hdf.tools.audit.finding import Finding, in_order
from hdf.tools.audit.records import (
    Box,
    find_absent_labels,
    find_bad_boxes,
    find_bad_records,
    find_bad_splits,
    parts_of,
)
from hdf.tools.audit.survey import BLANK, find_bad_exposures, likeness_to_all, survey, upright
from hdf.types import Sample


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
    def severe_images(self) -> int:
        """The number of images with severe findings."""
        return len({name for item in self.severe for name in (item.name, *item.others) if name})

    @property
    def severe(self) -> list[Finding]:
        return [finding for finding in self.findings if finding.severity == "severe"]


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
    yield from find_absent_labels(store.labels, boxes)
    with reporter.counting("looking at images") as progress:
        seen = survey(store, progress)
    shows = seen.spread >= BLANK
    likeness = likeness_to_all(seen.small, shows)
    yield from find_bad_exposures(seen, likeness)
    yield from find_odd_boxes(boxes, upright(seen.small, likeness), seen.names)
    with reporter.counting("looking for duplicates") as progress:
        pairs = same_radiographs(seen, shows, progress)
    yield from find_duplicates(
        pairs, seen.names, [parts.get(name, "unused") for name in seen.names]
    )
