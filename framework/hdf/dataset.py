"""From a checked recipe to the data set it describes; no model is needed for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hdf.data.split import Split, split_samples
from hdf.data.store import Store, build_store, refuse_absent_labels, refuse_unusable
from hdf.errors import placed, user_error
from hdf.recipe.build import blamed_on
from hdf.recipe.check import CheckedRecipe
from hdf.reporting.progress import Reporter
from hdf.types import Sample


@dataclass(frozen=True)
class Dataset:
    """What a recipe's ``data`` section gives.

    Attributes:
        store: every image, ready for training.
        split: which of them are trained on.
    """

    store: Store
    split: Split


def list_samples(checked: CheckedRecipe, loader: Any) -> list[Sample]:
    """The loader's samples, the broken ones included; no image is read.

    Raises:
        UserError: the loader fails, gives anything else, gives nothing, or repeats an id.
    """
    part = checked.parts["data", "loader"]
    with blamed_on(part, "records"):
        samples = loader.records()
    if not isinstance(samples, list) or not all(isinstance(item, Sample) for item in samples):
        message = f"{part.component.title}: records must give a list of hdf.Sample"
        raise user_error(message, where=part.where)
    with placed(part.where):
        refuse_unusable(samples)
    return samples


def split_of(checked: CheckedRecipe, samples: list[Sample]) -> Split:
    """The recipe's split of its samples.

    Raises:
        UserError: as `split_samples`.
    """
    with placed(checked.where("data", "split")):
        return split_samples(samples, checked.recipe.data.split, checked.recipe.seed)


def read_dataset(checked: CheckedRecipe, loader: Any, reporter: Reporter) -> Dataset:
    """List, split and read the recipe's samples.

    Raises:
        UserError: with all that is wrong with the data.
    """
    samples = list_samples(checked, loader)
    split = split_of(checked, samples)
    data = checked.recipe.data
    masks = data.box_bounds == "mask"
    with reporter.counting("reading images") as progress:
        store = build_store(
            samples, data.labels, data.image_size, data.resize, masks=masks, progress=progress
        )
    with placed(checked.where("data", "labels")):
        refuse_absent_labels(store)
    with placed(checked.where("data", "split")):
        _refuse_boxless_sides(store, split)
    sizes = f"{len(split.train)} to train, {len(split.val)} to validate"
    inner = f", {len(split.inner)} to choose the best epoch" if split.inner else ""
    reporter.say(f"{len(store)} images: {sizes}{inner}")
    return Dataset(store, split)


def _refuse_boxless_sides(store: Store, split: Split) -> None:
    sides = {"training": split.train, "validation": split.val, "inner": split.inner}
    for name, index in sides.items():
        if index and not store.targets.valid[index].any():
            raise user_error(f"no image of the {name} side has a box")
