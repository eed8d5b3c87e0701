"""The images of what is finished, read again as they were read then."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hdf.data.dataset import list_samples
from hdf.errors import UserError
from hdf.evaluation.labelled_folder import list_folder
from hdf.models.components import build_components
from hdf.recipe.check import check_recipe
from hdf.recipe.merge import resolve
from hdf.registry.registry import Registry
from hdf.report.finished import Finished
from hdf.runs.run_folder import RESOLVED
from hdf.types import Sample


def find_samples(finished: Sequence[Finished], registry: Registry) -> dict[str, Sample]:
    """The images of the first of them whose loader still finds its data; none if none does."""
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
    checked = check_recipe(resolve(finished.path / RESOLVED, ()), registry)
    return list_samples(checked, build_components(checked).loader)
