"""Building components and detectors from a checked recipe."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from torch import nn
from typing_extensions import get_protocol_members

from hdf import types
from hdf.errors import Problem, UserError, placed, user_error
from hdf.models.detector import Detector, ModelSpec, expected_by
from hdf.recipe.check import CheckedRecipe, Part
from hdf.registry.kinds import KINDS
from hdf.runtime.device import seed_weights
from hdf.types import Loader, Visualizer

if TYPE_CHECKING:
    from hdf.augmentation.pipeline import Augment


@contextmanager
def errors_of(
    part: Part, doing: str, mistakes: tuple[type[Exception], ...] = (ValueError, OSError)
) -> Iterator[None]:
    """Report errors of the block at the recipe's line of a component.

    Args:
        doing: what the component does, such as ``forward``.
        mistakes: exceptions whose message is for the user; all others come with a traceback.

    Raises:
        UserError: instead of any other exception.
    """
    try:
        with placed(part.where):
            yield
    except UserError:
        raise
    except mistakes as error:
        raise user_error(f"{part.component.name}: {error}", where=part.where) from error
    except Exception as error:
        reason = f"{part.component.title}: {doing} fails: {type(error).__name__}: {error}"
        raise UserError(Problem(part.where, reason), traceback.format_exc()) from error


def build(part: Part, **supplied: Any) -> Any:
    """Call a component with its options and with the supplied names that it takes.

    Loaders inside its options are built first, with the same supplied names.

    Args:
        supplied: values for the reserved names (`hdf.registry.options.RESERVED`).

    Raises:
        UserError: the component refuses its options with a ValueError or an OSError, or raises
            anything else (with its traceback).
    """
    taken = {name: value for name, value in supplied.items() if name in part.options.supplied}
    values = _with_loaders(part, supplied)
    with errors_of(part, "construction"):
        return part.component.load()(**taken, **values)


def _with_loaders(part: Part, supplied: dict[str, Any]) -> dict[str, Any]:
    """The part's options with its inner loaders built; the errors of all are raised together."""
    errors: list[UserError] = []

    def built(inner: Part) -> Any:
        try:
            return build_whole(inner, **supplied)
        except UserError as error:
            errors.append(error)

    values = part.with_nested(built)
    if errors:
        raise UserError.joined(errors)
    return values


def build_whole(part: Part, **supplied: Any) -> Any:
    """As `build`, and refuse, by a UserError, what does not offer what its kind must."""
    built, kind = build(part, **supplied), KINDS[part.component.kind]
    members = get_protocol_members(getattr(types, kind.protocol))
    missing = sorted(name for name in members if not hasattr(built, name))
    if kind.name in ("backbone", "head") and not isinstance(built, nn.Module):
        raise user_error(f"{part.component.title} is no torch.nn.Module", where=part.where)
    if missing:
        raise user_error(f"{part.component.title} lacks {', '.join(missing)}", where=part.where)
    if kind.name == "visualizer" and built.when not in ("epoch", "end"):
        message = f"has when = {built.when!r}, expected 'epoch' or 'end'"
        raise user_error(f"{part.component.title} {message}", where=part.where)
    return built


def new_detector(backbone: Part, head: Part, spec: ModelSpec) -> Detector:
    """As `build_detector`, with the input that the backbone's weights expect in its `spec`."""
    detector = build_detector(backbone, head, spec)
    takes_grey = "in_channels" in backbone.options.supplied
    spec = replace(
        spec,
        in_channels=1 if takes_grey else 3,
        mean=expected_by(detector.backbone, "mean") or spec.mean,
        std=expected_by(detector.backbone, "std") or spec.std,
    )
    return Detector(detector.backbone, detector.head, spec)


def build_detector(backbone: Part, head: Part, spec: ModelSpec) -> Detector:
    """The detector that `spec` describes; errors are those of `build_whole`."""
    body = build_whole(backbone, in_channels=1, labels=spec.labels, image_size=spec.image_size)
    top = build_whole(
        head,
        channels=tuple(body.channels),
        strides=tuple(body.strides),
        labels=spec.labels,
        image_size=spec.image_size,
    )
    return Detector(body, top, spec)


@dataclass(frozen=True)
class Components:
    """The components of a recipe but backbone and head."""

    loader: Loader
    augment: Augment | None  # of training batches
    visualizers: list[Visualizer]


def build_components(checked: CheckedRecipe) -> Components:
    """Build loader, augmentations and visualizers; a UserError holds the errors of all of them."""
    data = checked.recipe.data
    supplied = {"labels": data.labels, "image_size": data.image_size}
    errors: list[UserError] = []

    def tried(make: Callable[..., Any], part: Part) -> Any:
        try:
            return make(part, **supplied)
        except UserError as error:
            errors.append(error)

    loader = tried(build_whole, checked.parts["data", "loader"])
    modules = [tried(_augmentation, part) for part in checked.list_of("augment")]
    visualizers = [tried(build_whole, part) for part in checked.list_of("visualize")]
    if errors:
        raise UserError.joined(errors)
    augment = _augment(modules, data.image_size, data.box_bounds) if modules else None
    return Components(loader, augment, visualizers)


def _augment(modules: list[Any], *settings: Any) -> Augment:
    from hdf.augmentation.pipeline import Augment  # not above: prediction needs no Kornia

    return Augment(modules, *settings)


def _augmentation(part: Part, **supplied: Any) -> Any:
    module = build(part, **supplied)
    with errors_of(part, "augmentation"):
        _augment([module], supplied["image_size"])
    return module


def build_model(checked: CheckedRecipe) -> Detector:
    """The detector, with initial weights that the recipe's seed determines."""
    plain, data = checked.resolved()["model"], checked.recipe.data
    normalize = checked.recipe.model.normalize
    spec = ModelSpec(
        plain["backbone"], plain["head"], normalize, data.labels, data.image_size, data.resize
    )
    seed_weights(checked.recipe.seed)
    parts = checked.parts
    return new_detector(parts["model", "backbone"], parts["model", "head"], spec)
