"""What all contract checks have in common: building a component, and blaming it."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hdf.errors import UserError
from hdf.models.build import build
from hdf.models.dry_run import Mismatch
from hdf.recipe.check import part_of
from hdf.registry.registry import discover
from hdf.types import Module


@dataclass(frozen=True)
class Subject:
    """A component under test.

    Attributes:
        title: for messages.
        make: the component, new at each call and always the same: built with one seed, or copied.
        supplied: the names that the engine gives to a registered one.
        options: the names of its options, of a registered one.
    """

    title: str
    make: Callable[[], Any]
    supplied: frozenset[str] = frozenset()
    options: tuple[str, ...] = ()


def subject(
    kind: str,
    component: Any,
    options: Mapping[str, Any] | None,
    seed: int,
    **supplied: Any,
) -> Subject:
    """What an author handed to a check, ready to be built.

    Args:
        component: the object itself, or a registered name, which is built as a recipe would.
        options: of a registered component, as a recipe writes them.
        seed: of a registered component's weights.
        supplied: values for the reserved names (`hdf.registry.options.RESERVED`).
    """
    if not isinstance(component, str):
        if options:
            raise TypeError("options go with a registered name; give the object its own")
        name = type(component).__name__
        return Subject(f"{kind} {name}", lambda: copy.deepcopy(component))
    with _no_user_errors():
        use = {"use": component, **(options or {})}
        part = part_of(discover(), kind, use, "", "does not take these options")

    def make() -> Any:
        with torch.random.fork_rng([]), _no_user_errors():
            torch.manual_seed(seed)
            with asking(f"{kind} {component!r}", "construction"):
                return build(part, **supplied)

    names = tuple(part.options.names())
    return Subject(f"{kind} {component!r}", make, part.options.supplied, names)


@contextmanager
def _no_user_errors() -> Iterator[None]:
    try:
        yield
    except UserError as error:
        raise AssertionError(f"{error}\n{error.traceback}".rstrip()) from error


@contextmanager
def asking(title: str, doing: str, *, torch_draws: bool = True) -> Iterator[None]:
    """Blame a component for what raises within, and for random numbers that nobody seeds.

    Args:
        doing: what the component is asked for, such as ``forward``.
        torch_draws: whether it may draw from torch's own generator, which hdf seeds.
    """
    before = _states()
    try:
        yield
    except AssertionError:
        raise
    except Mismatch as error:
        raise AssertionError(f"{title}: {doing} {error}") from error
    except Exception as error:
        message = f"{title}: {doing} fails: {type(error).__name__}: {error}"
        raise AssertionError(message) from error
    for name, state in _states().items():
        drawn = state != before[name] and not (torch_draws and name == "torch")
        mend = "draw from torch" if torch_draws else "draw from a generator with a seed of its own"
        assert not drawn, (
            f"{title}: {doing} draws from the generator of {name}, which hdf does not seed, so "
            f"that no run could be repeated; {mend}"
        )


def _states() -> dict[str, Any]:
    state = np.random.get_state(legacy=False)  # noqa: NPY002
    return {
        "random": random.getstate(),
        "numpy.random": repr(state),
        "torch": torch.get_rng_state().numpy().tobytes(),
    }


def assert_same(found: Any, expected: Any, message: str, tolerance: float = 0.0) -> None:
    """Tensors, in whatever lists and dicts; NaN is equal to NaN."""
    try:
        torch.testing.assert_close(
            found, expected, rtol=tolerance, atol=tolerance, equal_nan=True, check_stride=False
        )
    except AssertionError as error:
        raise AssertionError(f"{message}\n{error}") from error


def assert_finite(title: str, what: str, value: Tensor) -> None:
    assert bool(value.isfinite().all()), (
        f"{title}: {what} holds NaN or infinite values; look for a division by zero, a logarithm "
        "of zero, or numbers beyond the range of their type"
    )


def assert_gradients(title: str, module: Module) -> None:
    """Every parameter that may learn has got a finite gradient."""
    for name, parameter in module.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, (
                f"{title}: the parameter {name} gets no gradient, so it would never learn; use it "
                "in forward without detach() or no_grad(), or freeze it with requires_grad_(False)"
            )
            assert_finite(title, f"the gradient of {name}", parameter.grad)
