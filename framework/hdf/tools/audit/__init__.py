"""Finding mistakes in a data set before it is trained on.

`audit` runs all checks and shows the findings on a page. `survey` reads every image once;
`records`, `anatomy` and `duplicates` find one kind of mistake each.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

Severity = Literal["severe", "warning"]

KINDS = {
    "record": "Records that can't be used",
    "unreadable": "Files that can't be read",
    "label": "Labels without a box",
    "split": "Mistakes in the split",
    "patient_on_both_sides": "Patients on both sides of the split",
    "duplicate": "Images that are there twice",
    "near_duplicate": "Images that are nearly the same",
    "box_empty": "Boxes without area",
    "box_outside": "Boxes that reach outside their image",
    "box_tiny": "Tiny boxes",
    "box_mirrored": "Boxes on the wrong side",
    "box_far": "Boxes far from where the others are",
    "image_mirrored": "Images that seem mirrored",
    "inverted": "Inverted grey scale",
    "blank": "Images that show next to nothing",
    "clipped": "Clipped exposures",
    "unlike": "Images unlike the others",
}
"""Every kind of finding, with its heading."""


class Finding(NamedTuple):
    """Something that is probably wrong.

    Attributes:
        name: the sample's id; empty if it concerns the whole data set.
        kind: a key of `KINDS`.
        severity: ``severe`` if training or its scores would suffer, ``warning`` if a person should
            look.
        detail: what was seen, in a sentence.
        others: the ids of the other images that it concerns.
    """

    name: str
    kind: str
    severity: Severity
    detail: str
    others: tuple[str, ...] = ()


def in_order(findings: list[Finding]) -> list[Finding]:
    """Severe ones first, then by kind as in `KINDS`; within a kind as they were found."""
    kinds = list(KINDS)
    return sorted(findings, key=lambda item: (item.severity != "severe", kinds.index(item.kind)))


def listed(names: Sequence[str], most: int = 4) -> str:
    """Names in a sentence; the first few of many."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")
