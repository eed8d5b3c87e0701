"""Comparing finished runs, and finding their images again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hdf.data.dataset import list_samples
from hdf.errors import UserError
from hdf.evaluation.labelled_folder import list_folder
from hdf.models.build import build_components
from hdf.recipe.check import check_recipe
from hdf.recipe.merge import differences, resolve
from hdf.registry.registry import Registry
from hdf.report.finished import Finished, read_finished
from hdf.tools.compare.paired import Paired, changed, compared, pair
from hdf.types import Sample

ABOUT = ("models", "images", "table", "device", "precision")
"""Keys of an evaluation's summary that stand for its recipe."""


@dataclass(frozen=True)
class Compared:
    """What differs between runs.

    Attributes:
        names: the folders', as short as they can be told apart.
        finished: the runs, the reference first.
        paired: their boxes for the common true boxes.
        rows: the paired differences (`hdf.tools.compare.paired.compared`).
        changed: positions of the images whose mean IoU differs, with each run's mean IoU; the most
            changed first.
        recipe: key paths whose values differ, with all values as JSON; for evaluations, the keys
            `ABOUT`. None if only some have a recipe.
    """

    names: list[str]
    finished: list[Finished]
    paired: Paired
    rows: list[dict[str, Any]]
    changed: list[tuple[int, list[float]]]
    recipe: list[tuple[str, list[str]]] | None


def compare_runs(folders: Sequence[Path]) -> Compared:
    """Compare finished runs with the first of them.

    Raises:
        UserError: nothing has finished in a folder, or the runs have no true box in common.
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
    """The fewest last names of each path that differ; folders above may name people."""
    paths = [folder.absolute() for folder in folders]
    longest = max(len(path.parts) for path in paths)
    for count in range(1, longest + 1):
        names = [str(Path(*path.parts[-count:])) for path in paths]
        if len(set(names)) == len(set(paths)):
            break
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


def find_samples(finished: Sequence[Finished], registry: Registry) -> dict[str, Sample]:
    """The images of the first run whose loader still finds its data; none if no loader does."""
    for item in finished:
        try:
            return {sample.id: sample for sample in _samples(item, registry)}
        except UserError:
            continue
    return {}


def _samples(finished: Finished, registry: Registry) -> list[Sample]:
    if finished.kind == "evaluation":
        images, table = (Path(finished.summary[key]) for key in ("images", "table"))
        return list_folder(registry, images, table)
    checked = check_recipe(resolve(finished.path / "resolved.yaml", ()), registry)
    return list_samples(checked, build_components(checked).loader)
