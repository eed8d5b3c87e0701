"""The components that a recipe names, built together so that all their complaints come at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from hdf.augmentation.pipeline import Augment
from hdf.errors import UserError, user_error
from hdf.models.build import blamed_on, build
from hdf.recipe.check import CheckedRecipe, Part

Built = TypeVar("Built")


@dataclass(frozen=True)
class Components:
    """The components of a recipe but backbone and head.

    Attributes:
        augment: the augmentation of training batches; None without any.
    """

    loader: Any
    augment: Augment | None
    visualizers: list[Any]


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

    loader = tried(build, checked.parts["data", "loader"])
    modules: list[Any] = [tried(_augmentation, part) for part in checked.list_of("augment")]
    visualizers = [tried(_visualizer, part) for part in checked.list_of("visualize")]
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
    visualizer = build(part, **supplied)
    if getattr(visualizer, "when", None) not in ("epoch", "end") or not hasattr(visualizer, "draw"):
        name = part.component.name
        message = f"{name} must offer when = 'epoch' or 'end', and draw(view, folder)"
        raise user_error(message, where=part.where)
    return visualizer
