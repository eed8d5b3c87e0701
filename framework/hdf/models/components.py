"""What a recipe names: its components, and the detector.

The components are built together, so that all their complaints come at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from hdf.augmentation.pipeline import Augment
from hdf.errors import UserError, user_error
from hdf.models.build import blamed_on, build, build_whole, new_detector
from hdf.models.detector import Detector, ModelSpec
from hdf.recipe.check import CheckedRecipe, Part
from hdf.runtime.determinism import seed_weights
from hdf.types import Loader, Visualizer

Built = TypeVar("Built")


@dataclass(frozen=True)
class Components:
    """The components of a recipe but backbone and head.

    Attributes:
        augment: the augmentation of training batches; None without any.
    """

    loader: Loader
    augment: Augment | None
    visualizers: list[Visualizer]


def build_components(checked: CheckedRecipe) -> Components:
    """Build loader, augmentations and visualizers.

    Raises:
        UserError: with the errors of all of them.
    """
    data = checked.recipe.data
    supplied = {"labels": data.labels, "image_size": data.image_size}
    errors: list[UserError] = []

    def tried(make: Callable[..., Built], part: Part) -> Built | None:
        try:
            return make(part, **supplied)
        except UserError as error:
            errors.append(error)
            return None

    loader: Any = tried(build_whole, checked.parts["data", "loader"])
    modules: list[Any] = [tried(_augmentation, part) for part in checked.list_of("augment")]
    visualizers: list[Any] = [tried(_visualizer, part) for part in checked.list_of("visualize")]
    if errors:
        raise UserError.joined(errors)
    augment = Augment(modules, data.image_size, data.box_bounds) if modules else None
    return Components(loader, augment, visualizers)


def _augmentation(part: Part, **supplied: Any) -> Any:
    module = build(part, **supplied)
    with blamed_on(part, "augmentation"):
        Augment([module], supplied["image_size"])
    return module


def _visualizer(part: Part, **supplied: Any) -> Any:
    visualizer = build_whole(part, **supplied)
    if visualizer.when not in ("epoch", "end"):
        message = f"has when = {visualizer.when!r}, expected 'epoch' or 'end'"
        raise user_error(f"{part.component.title} {message}", where=part.where)
    return visualizer


def build_model(checked: CheckedRecipe) -> Detector:
    """The detector, with initial weights that the recipe's seed determines.

    Raises:
        UserError: a component can't be built.
    """
    plain, data = checked.resolved()["model"], checked.recipe.data
    spec = ModelSpec(
        plain["backbone"],
        plain["head"],
        checked.recipe.model.normalize,
        data.labels,
        data.image_size,
        data.resize,
    )
    seed_weights(checked.recipe.seed)
    parts = checked.parts
    return new_detector(parts["model", "backbone"], parts["model", "head"], spec)
