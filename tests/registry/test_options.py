"""Options from signatures, in strict JSON mode."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import ValidationError
from torch import nn

from hdf.registry.options import Options, UnusableSignatureError
from hdf.types import Loader


class Component:
    def __init__(
        self,
        channels: tuple[int, ...],
        *,
        labels: tuple[str, ...],
        folder: Path,
        size: tuple[int, int] = (2, 3),
        rate: float = 0.5,
        count: int = 1,
        mode: Literal["a", "b"] = "a",
        name: str | None = None,
        schema: bool = False,
    ) -> None: ...


OPTIONS = Options(Component, "head")


def test_supplied_names_are_no_options() -> None:
    assert OPTIONS.supplied == {"channels", "labels"}
    assert OPTIONS.names() == ["folder", "size", "rate", "count", "mode", "name", "schema"]


def test_yaml_values_fit_the_types() -> None:
    values = {"folder": "here", "size": [4, 5], "rate": 1, "name": None, "schema": True}
    given = OPTIONS.validate(values)
    assert given == {
        "folder": Path("here"),
        "size": (4, 5),
        "rate": 1.0,
        "name": None,
        "schema": True,
    }


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"folder": 3},
        {"folder": "x", "count": True},
        {"folder": "x", "count": 1.5},
        {"folder": "x", "count": "3"},
        {"folder": "x", "rate": "0.5"},
        {"folder": "x", "size": [1, 2, 3]},
        {"folder": "x", "size": 4},
        {"folder": "x", "mode": "c"},
        {"folder": "x", "schema": 1},
        {"folder": "x", "labels": ["heart"]},
        {"folder": "x", "unknown": 1},
    ],
)
def test_wrong_values_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        OPTIONS.validate(wrong)


def test_resolved_options_hold_the_defaults_as_plain_json() -> None:
    assert OPTIONS.resolved(OPTIONS.validate({"folder": "x", "count": 4})) == {
        "folder": "x",
        "size": [2, 3],
        "rate": 0.5,
        "count": 4,
        "mode": "a",
        "name": None,
        "schema": False,
    }


def test_options_describe_themselves() -> None:
    described = {option.name: option for option in OPTIONS.describe()}
    assert described["folder"].required
    assert described["size"].default == (2, 3)
    assert described["size"].type == "tuple[int, int]"
    assert described["name"].type == "str | None"
    assert described["mode"].type == "Literal['a', 'b']"


def test_a_module_without_a_constructor_takes_no_options() -> None:
    class Plain(nn.Module):
        pass

    assert Options(Plain, "backbone").names() == []


def test_a_function_is_a_component_too() -> None:
    def make(*, p: float = 0.5) -> object:
        return p

    assert Options(make, "augmentation").names() == ["p"]


def test_parameters_that_cannot_be_checked_are_refused() -> None:
    def bare(*, rate=1): ...  # type: ignore[no-untyped-def]
    def many(*args: int): ...  # type: ignore[no-untyped-def]
    def any_key(**kwargs: int): ...  # type: ignore[no-untyped-def]
    def positional(rate: int, /): ...  # type: ignore[no-untyped-def]
    def odd(*, thing: nn.Module): ...  # type: ignore[no-untyped-def]
    def default(*, norm: Callable[[], int] = int): ...  # type: ignore[no-untyped-def]
    def lost(*, thing: nowhere.Thing): ...  # type: ignore[no-untyped-def,name-defined]  # noqa: F821
    def reserved(*, channels: int = 1): ...  # type: ignore[no-untyped-def]

    for target, reason in [
        (bare, "no type hint"),
        (many, r"^\*args can't be checked; name every option"),
        (any_key, r"^\*\*kwargs can't be checked; name every option"),
        (positional, "positional only"),
        (odd, "'thing' is a Module, which no value of a recipe can be"),
        (default, "'norm' is a .*, which no value of a recipe can be"),
        (lost, "its parameters can't be read: name 'nowhere' is not defined"),
        (dict, "its parameters can't be read"),
        (reserved, "'channels' is a reserved name, which no loader is given"),
    ]:
        with pytest.raises(UnusableSignatureError, match=reason):
            Options(target, "loader")


def test_options_that_hold_loaders() -> None:
    def both(*, sources: Mapping[str, Loader], other: Loader, count: int = 1) -> object: ...

    options = Options(both, "loader")
    assert options.nested == {"sources": "named", "other": "one"}
    given = {"other": {"use": "x", "size": [1, 2]}, "sources": {"a": {"use": "y"}}}
    assert options.validate(given) == given
    assert options.resolved(given) == {**given, "count": 1}
    assert [option.type for option in options.describe()] == [
        "mapping of names to loaders",
        "loader",
        "int",
    ]


@pytest.mark.parametrize(
    "wrong",
    [{}, {"sources": [{"use": "x"}]}, {"sources": {"a": {}}}, {"sources": {"a": {"use": 1}}}],
)
def test_what_is_no_loader_is_refused(wrong: dict[str, Any]) -> None:
    def one(*, sources: dict[str, Loader]) -> object: ...

    with pytest.raises(ValidationError):
        Options(one, "loader").validate(wrong)


def test_loaders_hold_loaders_and_nothing_else_does() -> None:
    def single(*, source: Loader) -> object: ...
    def listed(*, sources: list[Loader]) -> object: ...

    with pytest.raises(UnusableSignatureError, match="'source' is a Loader, which no value"):
        Options(single, "head")
    with pytest.raises(UnusableSignatureError, match="'sources' is a list"):
        Options(listed, "loader")


def test_what_a_component_returns_need_not_be_imported() -> None:
    def make(*, p: float = 0.5) -> Elsewhere:  # type: ignore[name-defined]  # noqa: F821
        return p

    assert Options(make, "augmentation").names() == ["p"]
