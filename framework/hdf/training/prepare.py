"""Everything a run needs, built and read before its folder is made."""

from __future__ import annotations

import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch

from hdf.augment import Augment
from hdf.compute import Compute, choose_compute
from hdf.data.split import Split, split_samples
from hdf.data.store import Store, build_store
from hdf.detector import Detector, ModelSpec
from hdf.errors import Problem, UserError, user_error
from hdf.recipe.build import build, new_detector
from hdf.recipe.check import CheckedRecipe, Part
from hdf.recipe.schema import Recipe
from hdf.registry import Registry
from hdf.reporting.progress import Reporter
from hdf.reporting.run_folder import RunFolder
from hdf.training.seeds import seed_weights
from hdf.trial import try_detector
from hdf.types import Sample


@dataclass(frozen=True)
class Run:
    """A run, as run-event hooks see it.

    Attributes:
        folder: where it writes.
        recipe: the typed recipe; `checked` holds its components' options as well.
        detector: the model, on `compute`'s device.
        store: all images, decoded.
        split: which of them are trained on.
        augment: what happens to training batches; None without augmentation.
        visualizers: what draws the pictures.
    """

    folder: RunFolder
    checked: CheckedRecipe
    registry: Registry
    compute: Compute
    detector: Detector
    store: Store
    split: Split
    augment: Augment | None
    visualizers: list[Any]

    @property
    def recipe(self) -> Recipe:
        return self.checked.recipe


def prepare(
    checked: CheckedRecipe, registry: Registry, folder: RunFolder, reporter: Reporter
) -> Run:
    """Build the components, then read the data; nothing is written.

    Raises:
        UserError: with all that is wrong with the options, or with the data.
    """
    recipe = checked.recipe
    compute = choose_compute(recipe.train.device, recipe.train.precision)
    reporter.say(f"device {compute.device}, precision {compute.precision}: {compute.reason}")
    loader = build(checked.parts["data", "loader"], **_supplied(recipe))
    augment = _build_augment(checked)
    visualizers = [_build_visualizer(part, recipe) for part in checked.list_of("visualize")]
    seed_weights(recipe.seed)
    detector = new_detector(
        checked.parts["model", "backbone"], checked.parts["model", "head"], _spec(checked)
    )
    store, split = _read_data(checked, loader, reporter)
    detector.fit(store.targets[split.train])
    try_detector(detector, checked.parts["model", "backbone"], checked.parts["model", "head"])
    detector = detector.to(compute.device).to(memory_format=torch.channels_last)
    return Run(folder, checked, registry, compute, detector, store, split, augment, visualizers)


def _supplied(recipe: Recipe) -> dict[str, Any]:
    return {"labels": recipe.data.labels, "image_size": recipe.data.image_size}


def _build_augment(checked: CheckedRecipe) -> Augment | None:
    parts = checked.list_of("augment")
    if not parts:
        return None
    data = checked.recipe.data
    modules = [build(part, **_supplied(checked.recipe)) for part in parts]
    problems = list(_unusable(parts, modules, data.image_size))
    if problems:
        raise UserError(problems)
    return Augment(modules, data.image_size, data.box_bounds)


def _unusable(parts: list[Part], modules: list[Any], size: tuple[int, int]) -> Iterable[Problem]:
    for part, module in zip(parts, modules, strict=True):
        try:
            Augment([module], size)
        except ValueError as error:
            yield Problem(part.where, f"{part.component.name}: {error}")


def _build_visualizer(part: Part, recipe: Recipe) -> Any:
    visualizer = build(part, **_supplied(recipe))
    if getattr(visualizer, "when", None) not in ("epoch", "end") or not hasattr(visualizer, "draw"):
        message = (
            f"{part.component.name} must offer when = 'epoch' or 'end', and draw(view, folder)"
        )
        raise UserError(Problem(part.where, message))
    return visualizer


def _spec(checked: CheckedRecipe) -> ModelSpec:
    resolved = checked.resolved()
    data = checked.recipe.data
    return ModelSpec(
        resolved["model"]["backbone"],
        resolved["model"]["head"],
        checked.recipe.model.normalize,
        data.labels,
        data.image_size,
        data.resize,
    )


def _read_data(checked: CheckedRecipe, loader: Any, reporter: Reporter) -> tuple[Store, Split]:
    recipe = checked.recipe
    samples = _records(checked.parts["data", "loader"], loader)
    with reporter.counting("reading images") as progress:
        store = build_store(
            samples,
            recipe.data.labels,
            recipe.data.image_size,
            recipe.data.resize,
            masks=recipe.data.box_bounds == "mask",
            progress=progress,
        )
    split = split_samples(store.samples, recipe.data.split, recipe.seed)
    for side in ("train", "val"):
        if not store.targets.valid[getattr(split, side)].any():
            raise user_error(f"no image of the {side} side has a box", where="data.split")
    sizes = f"{len(split.train)} to train, {len(split.val)} to validate"
    reporter.say(f"{len(store)} images: {sizes}" + _inner(split))
    return store, split


def _inner(split: Split) -> str:
    return f", {len(split.inner)} to choose the best epoch" if split.inner else ""


def _records(part: Part, loader: Any) -> list[Sample]:
    """The loader's samples; what it raises is placed at the recipe's line."""
    name = f"loader {part.component.name!r} of {part.component.provider}"
    try:
        samples = loader.records()
    except UserError as error:
        problems = [Problem(item.where or part.where, item.message) for item in error.problems]
        raise UserError(problems, error.traceback) from error
    except (ValueError, OSError) as error:
        raise UserError(Problem(part.where, f"{part.component.name}: {error}")) from error
    except Exception as error:
        message = f"{name}: records fails: {type(error).__name__}: {error}"
        raise UserError(Problem(part.where, message), traceback.format_exc()) from error
    if not isinstance(samples, list) or not all(isinstance(item, Sample) for item in samples):
        raise user_error(f"{name}: records must give a list of hdf.Sample", where=part.where)
    return samples
