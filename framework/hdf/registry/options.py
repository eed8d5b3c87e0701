"""A component's options: the keyword parameters of its class or function, and what they mean.

pydantic builds the validator from the signature and works in strict JSON mode: a YAML list fits a
tuple, ``true`` is no integer and ``"3"`` is no number.
"""

from __future__ import annotations

import inspect
import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NotRequired, Required, Union, cast, get_args, get_origin

from pydantic import ConfigDict, PydanticUserError, TypeAdapter
from pydantic_core import PydanticSerializationError
from typing_extensions import TypedDict

from hdf.registry.kinds import COMPONENTS, KINDS
from hdf.registry.signatures import Signature
from hdf.types.contract import Loader

RESERVED = frozenset[str]().union(*(kind.supplied for kind in COMPONENTS))
"""Names that the engine supplies; they never appear in recipes."""

Nesting = Literal["one", "named"]
"""Whether an option holds one component, or a mapping of names to components."""

SECTION = re.compile(r"^(Args|Attributes|Returns|Raises|Source):", re.MULTILINE)
"""Of a docstring."""


@dataclass(frozen=True, slots=True)
class Option:
    """One option, as ``hdf list-plugins NAME`` shows it."""

    name: str
    type: str
    required: bool
    default: Any = None


class _Use(TypedDict):
    """A component inside an option; its own options are checked on their own."""

    __pydantic_config__ = ConfigDict(extra="allow", strict=True)  # type: ignore[misc]
    use: str


_NESTED: dict[Nesting, Any] = {"one": _Use, "named": dict[str, _Use]}
_NESTED_NAMES = {"one": "loader", "named": "mapping of names to loaders"}


class UnusableSignatureError(TypeError):
    """A component whose parameters can't be options; says which and why."""


class Options:
    """What a recipe may say of one component.

    Attributes:
        nested: the options that hold loaders of their own; only a loader has such options.
        supplied: the names that the engine gives to the component.

    Raises:
        UnusableSignatureError: a parameter has no type hint, or one that no value of a recipe can
            have; it is positional only, or ``*args`` or ``**kwargs``; or it has a reserved name
            that this kind is not given.
    """

    def __init__(self, target: Callable[..., Any] | Signature, kind: str) -> None:
        try:
            signature = target if isinstance(target, Signature) else Signature.of(target)
        except Exception as error:  # whatever an odd object, or a hint's text, leads Python to
            raise UnusableSignatureError(f"its parameters can't be read: {error}") from error
        parameters, self._hints = signature.parameters, dict(signature.hints)
        self.supplied = frozenset(parameters) & RESERVED
        for name in sorted(self.supplied - KINDS[kind].supplied):
            raise UnusableSignatureError(f"{name!r} is a reserved name, which no {kind} is given")
        self._parameters = {k: v for k, v in parameters.items() if k not in RESERVED}
        self.nested: dict[str, Nesting] = {}
        for name in self._parameters if kind == "loader" else ():
            if nesting := _nesting(self._hints.get(name)):
                self.nested[name], self._hints[name] = nesting, _NESTED[nesting]
        for name, parameter in self._parameters.items():
            _check(name, parameter, self._hints)
        own = self._parameters.values()
        self._defaults = {item.name: item.default for item in own if item.default is not item.empty}
        self._adapter = self._build()

    def _build(self) -> TypeAdapter[dict[str, Any]]:
        fields = {
            name: (NotRequired if name in self._defaults else Required)[self._hints[name]]
            for name in self._parameters
        }
        options = TypedDict("options", fields)  # type: ignore[misc]
        options.__pydantic_config__ = ConfigDict(extra="forbid", strict=True)  # type: ignore[attr-defined]
        return cast("TypeAdapter[dict[str, Any]]", TypeAdapter(options))

    def validate(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Keyword arguments of the right types; options left out keep the component's defaults.

        A path that starts with ``~`` begins at the user's home.

        Raises:
            pydantic.ValidationError: with all that is wrong.
        """
        validated = self._adapter.validate_json(json.dumps(values))
        return {name: _from_home(value) for name, value in validated.items()}

    def resolved(self, validated: Mapping[str, Any]) -> dict[str, Any]:
        """Validated options as plain JSON, completed with the component's defaults."""
        given = {**self._defaults, **validated}
        values = {name: given[name] for name in self._parameters if name in given}
        plain: dict[str, Any] = self._adapter.dump_python(values, mode="json", warnings=False)
        return plain

    def json_schema(self, prefix: str) -> dict[str, Any]:
        """The options as a JSON Schema (draft 2020-12), with their defaults.

        An option that holds components has an empty schema; see `nested`. `prefix` is put before
        the names in ``$defs``, which references find at the root of a document.
        """
        found = self._adapter.json_schema(ref_template=f"#/$defs/{prefix}{{model}}")
        properties = {**found["properties"], **{name: {} for name in self.nested}}
        for name, default in self.resolved({}).items():
            properties[name]["default"] = default
        shared = {key: value for key, value in found.get("$defs", {}).items() if key != "_Use"}
        shared = {f"{prefix}{key}": value for key, value in shared.items()}
        required = [name for name in self._parameters if name not in self._defaults]
        return {"properties": properties, "required": required, "$defs": shared}

    def names(self) -> list[str]:
        return list(self._parameters)

    def describe(self) -> list[Option]:
        """The options in the order of the signature."""
        types = {name: _readable(self._hints[name]) for name in self._parameters}
        types |= {name: _NESTED_NAMES[nesting] for name, nesting in self.nested.items()}
        return [
            Option(name, text, name not in self._defaults, self._defaults.get(name))
            for name, text in types.items()
        ]


def _nesting(hint: Any) -> Nesting | None:
    if hint is Loader:
        return "one"
    is_mapping = get_origin(hint) in (dict, Mapping)
    return "named" if is_mapping and get_args(hint) == (str, Loader) else None


def _check(name: str, parameter: inspect.Parameter, hints: Mapping[str, Any]) -> None:
    if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
        stars = "*" if parameter.kind is parameter.VAR_POSITIONAL else "**"
        message = f"{stars}{name} can't be checked; name every option as a parameter"
        raise UnusableSignatureError(message)
    if parameter.kind is parameter.POSITIONAL_ONLY:
        raise UnusableSignatureError(f"{name!r} is positional only; options are keyword parameters")
    if name not in hints:
        raise UnusableSignatureError(f"{name!r} has no type hint, so its values can't be checked")
    try:
        adapter = TypeAdapter(hints[name])
        if parameter.default is not parameter.empty:
            adapter.dump_python(parameter.default, mode="json", warnings=False)
    except (PydanticUserError, PydanticSerializationError) as error:
        message = f"{name!r} is a {_readable(hints[name])}, which no value of a recipe can be"
        raise UnusableSignatureError(message) from error


def _from_home(value: Any) -> Any:
    if isinstance(value, Path):
        return Path(os.path.expanduser(value))  # noqa: PTH111  # pathlib's raises for no such user
    if isinstance(value, dict):
        return {key: _from_home(held) for key, held in value.items()}
    if type(value) in (list, tuple):
        return type(value)(map(_from_home, value))
    return value


def _readable(hint: Any) -> str:
    if get_origin(hint) is Union:
        return " | ".join(map(_readable, get_args(hint)))
    text = hint.__name__ if isinstance(hint, type) and not hasattr(hint, "__args__") else str(hint)
    return text.replace("typing.", "").replace("pathlib.", "")


def description(target: Callable[..., Any]) -> str:
    """The docstring of a class or function up to its first section."""
    return SECTION.split(inspect.cleandoc(target.__doc__ or ""))[0].strip()


def meanings(target: Callable[..., Any], section: str = "Args") -> dict[str, str]:
    """What a section of the docstrings of a function, or of a class and its bases, says of each."""
    found: dict[str, str] = {}
    for source in reversed(inspect.getmro(target)) if inspect.isclass(target) else [target]:
        _, _, below = inspect.cleandoc(source.__doc__ or "").partition(f"\n{section}:\n")
        block = re.split(r"^\S", below, maxsplit=1, flags=re.MULTILINE)[0]
        for item in re.split(r"^ {4}(?=\w)", block, flags=re.MULTILINE)[1:]:
            name, _, meaning = item.partition(":")
            found[name] = " ".join(meaning.split())
    return found
