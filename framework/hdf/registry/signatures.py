"""A component's parameters with their type hints."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, get_type_hints

MODULE = "torch.nn.modules.module"
"""Where torch defines ``nn.Module``."""


@dataclass(frozen=True, slots=True)
class Signature:
    """What a component is called with.

    Attributes:
        parameters: by name, in order.
        hints: the types of those that are annotated.
    """

    parameters: Mapping[str, inspect.Parameter]
    hints: dict[str, Any]

    @classmethod
    def of(cls, target: Callable[..., Any]) -> Signature:
        """Of a class or function; whatever is odd about it may raise anything."""
        return cls(_parameters(target), _hints(target))


def _parameters(target: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    # An nn.Module without a constructor of its own takes no options, whatever Module's says; which
    # torch.compile replaces.
    if inspect.isclass(target) and _constructed_by(target) == MODULE:
        return {}
    return inspect.signature(target).parameters


def _constructed_by(target: type) -> str:
    """The module of the class whose constructor a class has."""
    owners = (base.__module__ for base in inspect.getmro(target) if "__init__" in vars(base))
    return next(owners, "")


def _hints(target: Callable[..., Any]) -> dict[str, Any]:
    function = target.__init__ if inspect.isclass(target) else target
    # What it returns is nobody's option, and its type may be imported for type checkers alone.
    annotations = {
        k: v for k, v in getattr(function, "__annotations__", {}).items() if k != "return"
    }
    parameters = SimpleNamespace(__annotations__=annotations)
    namespace = getattr(inspect.unwrap(function), "__globals__", {})
    return get_type_hints(parameters, globalns=namespace, include_extras=True)
