"""From a checked recipe to objects."""

from __future__ import annotations

import traceback
from dataclasses import replace
from typing import Any

from torch import nn

from hdf.detector import Detector, ModelSpec
from hdf.errors import Problem, UserError
from hdf.recipe.check import Part


def build(part: Part, **supplied: Any) -> Any:
    """Call a component with its options and with those supplied names that it takes.

    Args:
        part: the component as the recipe uses it.
        supplied: values for the reserved names (`hdf.options.RESERVED`).

    Raises:
        UserError: the component refuses its options with a ValueError or an OSError (reported at
            the recipe's line), or raises anything else (with its traceback).
    """
    taken = {name: value for name, value in supplied.items() if name in part.options.supplied}
    try:
        return part.component.load()(**taken, **part.values)
    except UserError as error:
        problems = [_placed(part, problem) for problem in error.problems]
        raise UserError(problems, error.traceback) from error
    except (ValueError, OSError) as error:
        raise UserError(Problem(part.where, f"{part.component.name}: {error}")) from error
    except Exception as error:
        component = part.component
        message = f"{component.kind} {component.name!r} of {component.provider} can't be built"
        reason = f"{message}: {type(error).__name__}: {error}"
        raise UserError(Problem(part.where, reason), traceback.format_exc()) from error


def _placed(part: Part, problem: Problem) -> Problem:
    return problem if problem.where else Problem(part.where, problem.message)


def new_detector(backbone: Part, head: Part, spec: ModelSpec) -> Detector:
    """The detector of a recipe; what its backbone's weights expect goes into its `spec`.

    Raises:
        UserError: as `build_detector`.
    """
    detector = build_detector(backbone, head, spec)
    takes_grey = "in_channels" in backbone.options.supplied
    body = detector.backbone
    spec = replace(
        spec,
        in_channels=1 if takes_grey else 3,
        mean=tuple(getattr(body, "mean", None) or spec.mean),
        std=tuple(getattr(body, "std", None) or spec.std),
    )
    return Detector(body, detector.head, spec)


def build_detector(backbone: Part, head: Part, spec: ModelSpec) -> Detector:
    """The detector that `spec` describes.

    Raises:
        UserError: a component can't be built, or lacks what its kind must offer.
    """
    body = build(backbone, in_channels=1, labels=spec.labels, image_size=spec.image_size)
    _require(backbone, body, "channels", "strides", "forward")
    top = build(
        head,
        channels=tuple(body.channels),
        strides=tuple(body.strides),
        labels=spec.labels,
        image_size=spec.image_size,
    )
    _require(head, top, "forward", "loss", "decode")
    return Detector(body, top, spec)


def _require(part: Part, built: object, *names: str) -> None:
    missing = [name for name in names if not hasattr(built, name)]
    if missing or not isinstance(built, nn.Module):
        component = part.component
        lacks = f"lacks {', '.join(missing)}" if missing else "is no torch.nn.Module"
        message = f"{component.kind} {component.name!r} of {component.provider} {lacks}"
        raise UserError(Problem(part.where, message))
