"""A picture of what the network will see, made from a checked recipe without a model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from PIL import Image

from hdf.augmentation.pipeline import Augment
from hdf.console.progress import Reporter
from hdf.data.batches import Batches
from hdf.data.dataset import read_dataset
from hdf.data.flat_file import ImageFile
from hdf.drawing import WARNING, Shown, draw_sheet, most_cells, panel_of
from hdf.drawing.sheet import zoom_of
from hdf.errors import placed
from hdf.models.build import build_components
from hdf.recipe.check import CheckedRecipe
from hdf.runtime.device import choose_compute
from hdf.types import Batch, Sample

Pairs = Iterator[tuple[Batch, Batch | None]]
"""Batches as stored, each with its augmented version, or None without augmentation."""


@dataclass(frozen=True)
class Choice:
    """What to show.

    Attributes:
        count: the most images.
        epoch: of training, counted from 1; ignored for ``val``.
        plain: whether training images are shown without augmentation.
    """

    count: int = 12
    side: Literal["train", "val"] = "train"
    epoch: int = 1
    plain: bool = False

    def augments(self, checked: CheckedRecipe) -> bool:
        """Whether each image is shown a second time, augmented."""
        return self.side == "train" and not self.plain and bool(checked.recipe.augment)

    def most_images(self, checked: CheckedRecipe) -> int:
        """The most images on a sheet."""
        return most_cells(2 if self.augments(checked) else 1, checked.recipe.data.image_size)


def make_preview(checked: CheckedRecipe, choice: Choice, reporter: Reporter) -> Image.Image:
    """Read the recipe's data and draw the first images of an epoch; no model is built.

    Images, boxes and random numbers are those that training takes, to the bit, on the recipe's
    device.

    Raises:
        UserError: with all errors of the options, or of the data.
    """
    recipe = checked.recipe
    with placed(checked.where("train", "device")):
        device = choose_compute(recipe.train.device, "float32").device
    components = build_components(checked)
    dataset = read_dataset(checked, components.loader, reporter)
    store = dataset.store
    if isinstance(store.images, ImageFile):  # which are loaded when they are needed
        store = replace(store, targets=store.targets.to(device))
    else:
        store = store.to(device)
    index = dataset.split.train if choice.side == "train" else dataset.split.val
    batches = Batches(store, index, recipe.train.batch_size)
    augment = components.augment if choice.augments(checked) else None
    pairs: Pairs = ((batch, None) for batch in batches.in_order())
    if choice.side == "train":
        pairs = epoch_pairs(batches, augment, recipe.seed, choice.epoch)
    shown = first_images(pairs, store.samples, choice.count)
    facts = _facts(checked, choice, len(shown), len(index))
    return draw_sheet(shown, store.labels, facts, WARNING)


def epoch_pairs(batches: Batches, augment: Augment | None, seed: int, epoch: int) -> Pairs:
    """The batches of a training epoch, from 1 on, in its order and with its random numbers."""
    first = (epoch - 1) * len(batches)
    for step, batch in enumerate(batches.shuffled(seed, epoch), first):
        yield batch, None if augment is None else augment(batch, (seed, epoch, step))


def first_images(pairs: Pairs, samples: Sequence[Sample], count: int) -> list[Shown]:
    """The first `count` images, or all if there are fewer; later batches are not made."""
    shown: list[Shown] = []
    for stored, augmented in pairs:
        for row in range(min(len(stored), count - len(shown))):
            changed = None if augmented is None else panel_of(augmented, row)
            shown.append(Shown(samples[int(stored.index[row])].id, panel_of(stored, row), changed))
        if len(shown) == count:
            break
    return shown


def _facts(checked: CheckedRecipe, choice: Choice, shown: int, count: int) -> list[str]:
    recipe, data = checked.recipe, checked.recipe.data
    height, width = data.image_size
    zoom = zoom_of(data.image_size)
    plain = ", not augmented" if recipe.augment and not choice.augments(checked) else ""
    sides = {"train": f"training images, epoch {choice.epoch}{plain}", "val": "validation images"}
    return [
        recipe.name,
        f"{sides[choice.side]}: {f'first {shown}' if shown < count else 'all'} of {count}",
        f"{width} px wide, {height} px high, {data.resize}",
        *([f"each pixel drawn {zoom} × {zoom}"] if zoom > 1 else []),
    ]
