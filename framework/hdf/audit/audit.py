"""All checks of a recipe's data set."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hdf.audit.anatomy import find_odd_boxes
from hdf.audit.duplicates import find_duplicates, same_radiographs
from hdf.audit.exposure import BLANK, find_bad_exposures, likeness_to_all, upright
from hdf.audit.finding import Finding, in_order
from hdf.audit.records import find_absent_labels, find_bad_boxes, find_bad_records
from hdf.audit.sides import find_bad_splits, parts_of
from hdf.audit.survey import survey
from hdf.data.store import Store
from hdf.dataset import list_samples, read_images
from hdf.memory import keep_freed_memory
from hdf.recipe.check import CheckedRecipe
from hdf.reporting.progress import Reporter
from hdf.types import Sample


@dataclass(frozen=True)
class Audit:
    """What was looked at, and what was found.

    Attributes:
        samples: all that the loader listed.
        store: the images that can be read, without boxes; None where none can.
        findings: severe ones first.
    """

    samples: list[Sample]
    store: Store | None
    findings: list[Finding]

    @property
    def severe(self) -> list[Finding]:
        return [finding for finding in self.findings if finding.severity == "severe"]


def audit(checked: CheckedRecipe, loader: Any, reporter: Reporter) -> Audit:
    """Look for mistakes in a recipe's data; no model is built.

    Raises:
        UserError: the loader can list nothing, or the store can't be used.
    """
    keep_freed_memory()
    samples = list_samples(checked, loader)
    store, bad = read_images(checked, samples, reporter)
    recipe = checked.recipe
    findings = [
        *find_bad_splits(samples, recipe.data.split, recipe.seed),
        *find_bad_records(samples, bad),
    ]
    if store is not None:
        parts = parts_of(samples, recipe.data.split, recipe.seed)
        findings += _of_images(samples, store, parts, reporter)
    return Audit(samples, store, in_order(findings))


def _of_images(
    samples: list[Sample], store: Store, parts: list[str], reporter: Reporter
) -> Iterator[Finding]:
    by_name = {sample.id: place for place, sample in enumerate(samples)}
    there = [by_name[sample.id] for sample in store.samples]
    findings, boxes = find_bad_boxes(store, [samples[place] for place in there])
    yield from findings
    yield from find_absent_labels(store.labels, boxes)
    with reporter.counting("looking at images") as progress:
        seen = survey(store, progress)
    shows = seen.spread >= BLANK
    likeness = likeness_to_all(seen.small, shows)
    yield from find_bad_exposures(seen, likeness)
    yield from find_odd_boxes(boxes, upright(seen.small, likeness), seen.names)
    with reporter.counting("looking for duplicates") as progress:
        pairs = same_radiographs(seen, shows, progress)
    yield from find_duplicates(pairs, seen.names, [parts[place] for place in there])
