"""All that a comparison of runs says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hdf.recipe.merge import differences
from hdf.report.finished import Finished, read_finished
from hdf.tools.compare.differences import Paired, changed, compared, pair

ABOUT = ("models", "images", "table", "device", "precision")
"""What an evaluation has instead of a recipe."""


@dataclass(frozen=True)
class Compared:
    """What differs between runs.

    Attributes:
        names: the shortest that tell the folders apart.
        finished: what was read, the reference first.
        paired: their answers for the common true boxes.
        rows: the paired differences (`hdf.tools.compare.differences.compared`).
        changed: positions of the images whose mean IoU differs, with it in each run; the most
            changed first.
        recipe: key paths whose values differ, with all values as JSON; of evaluations, what was
            evaluated. None where some have a recipe and others none.
    """

    names: list[str]
    finished: list[Finished]
    paired: Paired
    rows: list[dict[str, Any]]
    changed: list[tuple[int, list[float]]]
    recipe: list[tuple[str, list[str]]] | None


def compare_runs(folders: Sequence[Path]) -> Compared:
    """Compare what folders hold with the first of them.

    Raises:
        UserError: a folder is not that of something finished, or they have nothing in common.
    """
    finished = [read_finished(folder) for folder in folders]
    paired = pair([item.comparison for item in finished])
    rows = list(compared(paired))
    return Compared(
        short_names(folders), finished, paired, rows, changed(paired), _recipes(finished)
    )


def _recipes(finished: Sequence[Finished]) -> list[tuple[str, list[str]]] | None:
    if all(item.recipe for item in finished):
        return list(differences([item.recipe for item in finished]))
    if any(item.recipe for item in finished):
        return None
    return list(differences([{key: item.summary[key] for key in ABOUT} for item in finished]))


def short_names(folders: Sequence[Path]) -> list[str]:
    """As many of the last names of each path as tell them apart; folders above may name people."""
    paths = [folder.absolute() for folder in folders]
    longest = max(len(path.parts) for path in paths)
    for count in range(1, longest + 1):
        names = [str(Path(*path.parts[-count:])) for path in paths]
        if len(set(names)) == len(set(paths)):
            return names
    return names


def as_json(found: Compared) -> dict[str, Any]:
    """What ``--json`` prints."""
    paired = found.paired
    return {
        "runs": [
            {"folder": str(item.path), "kind": item.kind, "name": item.name, "left_out": left_out}
            for item, left_out in zip(found.finished, paired.left_out, strict=True)
        ],
        "images": len(paired.images),
        "boxes": len(paired.parts[0].matches.label),
        "labels": paired.labels,
        "moved_true_boxes": paired.moved,
        "differences": found.rows,
        "recipe": None if found.recipe is None else dict(found.recipe),
        "unchanged": len(paired.images) - len(found.changed),
        "changed": [{"image": paired.images[index], "iou": ious} for index, ious in found.changed],
    }
