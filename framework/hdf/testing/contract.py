"""What all contract checks have in common: building a component, and blaming it."""

from __future__ import annotations

import copy
import random
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from hdf.errors import UserError
from hdf.models.build import build
from hdf.models.dry_run import Mismatch
from hdf.recipe.check import part_of
from hdf.registry.registry import discover
from hdf.types import Module

EXPORT_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Subject:
    """A component under test."""

    make: Callable[[], Any]  # gives a new and equal one each time, built with one seed or copied
    supplied: frozenset[str] = frozenset()  # the names that the engine gives to a registered one


@contextmanager
def subject(
    kind: str, component: Any, options: Mapping[str, Any] | None, seed: int, **supplied: Any
) -> Iterator[Subject]:
    """The component that a check was given, ready to be built; all messages from within name it.

    A registered name is built as for a recipe, with `supplied` for the reserved names.
    """
    registered = isinstance(component, str)
    if options and not registered:
        raise TypeError("options go with a registered name; give the object its own")
    title = f"{kind} {component!r}" if registered else f"{kind} {type(component).__name__}"
    try:
        if registered:
            yield _registered(kind, {"use": component, **(options or {})}, seed, supplied)
        else:
            yield Subject(lambda: copy.deepcopy(component))
    except UserError as error:
        raise AssertionError(f"{title}: {error}\n{error.traceback}".rstrip()) from error
    except AssertionError as error:
        raise AssertionError(f"{title}: {error}") from error.__cause__


def _registered(kind: str, use: dict[str, Any], seed: int, supplied: dict[str, Any]) -> Subject:
    part = part_of(discover(), kind, use, "")

    def make() -> Any:
        with torch.random.fork_rng([]):
            torch.manual_seed(seed)
            with asking("construction"):
                return build(part, **supplied)

    return Subject(make, part.options.supplied)


@contextmanager
def asking(doing: str, *, torch_draws: bool = True) -> Iterator[None]:
    """Blame a component, asked for something, for what raises, and for unseeded random numbers.

    With `torch_draws` it may draw from torch's own generator, which hdf seeds.
    """
    before = _states()
    try:
        yield
    except AssertionError:
        raise
    except Mismatch as error:
        raise AssertionError(f"{doing} {error}") from error
    except Exception as error:
        raise AssertionError(f"{doing} fails: {type(error).__name__}: {error}") from error
    for name, state in _states().items():
        drawn = state != before[name] and not (torch_draws and name == "torch")
        mend = "draw from torch" if torch_draws else "draw from a generator with a seed of its own"
        assert not drawn, (
            f"{doing} draws from the generator of {name}, which hdf does not seed, so that no run "
            f"could be repeated; {mend}"
        )


def _states() -> dict[str, Any]:
    return {
        "random": random.getstate(),
        "numpy.random": repr(np.random.get_state(legacy=False)),  # noqa: NPY002
        "torch": torch.get_rng_state().numpy().tobytes(),
    }


def assert_same(found: Any, expected: Any, message: str, tolerance: float = 0.0) -> None:
    """Tensors or None, in whatever lists and dicts; NaN is equal to NaN."""
    try:
        torch.testing.assert_close(
            found, expected, rtol=tolerance, atol=tolerance, equal_nan=True, check_stride=False
        )
    except AssertionError as error:
        raise AssertionError(f"{message}\n{error}") from error


def assert_finite(what: str, value: Tensor) -> None:
    assert bool(value.isfinite().all()), (
        f"{what} holds NaN or infinite values; look for a division by zero, a logarithm of zero, "
        "or numbers beyond the range of their type"
    )


def assert_gradients(module: Module) -> None:
    """Every parameter that may learn has got a finite gradient."""
    for name, parameter in module.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, (
                f"the parameter {name} gets no gradient, so it would never learn; use it in "
                "forward without detach() or no_grad(), or freeze it with requires_grad_(False)"
            )
            assert_finite(f"the gradient of {name}", parameter.grad)


def check_export(module: nn.Module, *inputs: Any) -> None:
    """`torch.export` follows a module, as `hdf export` needs, and its graph answers alike."""
    module.eval()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = module(*inputs)
        try:
            found = torch.export.export(module, inputs).module()(*inputs)
        except Exception as error:
            reason = next(iter(str(error).strip().splitlines()), "no message")
            raise AssertionError(
                f"torch.export can't follow it: {type(error).__name__}: {reason}\nlet no values "
                "decide what is computed (no .item(), no `if` on a tensor), or give export=False, "
                "and hdf export will refuse it"
            ) from error
    message = "its exported graph answers otherwise than the module itself"
    assert_same(found, expected, message, EXPORT_TOLERANCE)


def check_no_other_device(module: nn.Module, given: Tensor | list[Tensor]) -> None:
    """All that `forward` needs moves with the module: tried on torch's device without storage."""
    mend = (
        "; on another device than the CPU it would fail. Keep tensors in parameters or buffers "
        "(register_buffer), and make new ones on the device of the input"
    )
    moved = given.to("meta") if isinstance(given, Tensor) else [item.to("meta") for item in given]
    try:
        with asking("forward on another device"), torch.no_grad():
            found = module.eval().to("meta")(moved)
    except AssertionError as error:
        raise AssertionError(f"{error}{mend}") from error
    assert all(item.is_meta for item in _tensors(found)), (
        f"forward gives tensors of another device than its input's{mend}"
    )


def _tensors(value: Any) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    items = value.values() if isinstance(value, dict) else value
    return [tensor for item in items for tensor in _tensors(item)]
