"""pydantic's errors in the words of a recipe."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from hdf.errors import Problem, suggest
from hdf.recipe.load import Node, RecipePath
from hdf.recipe.schema import Recipe


def problems(
    error: ValidationError, tree: Node, prefix: RecipePath = (), known: Sequence[str] | None = None
) -> list[Problem]:
    """One problem for each of pydantic's errors in what stands at `prefix` in a recipe.

    `known` are the keys that are valid there; those of `hdf.recipe.schema` if None.
    """
    found = []
    for detail in error.errors(include_url=False):
        path = prefix + _without_tags(detail["loc"], tree, prefix)
        missing_item = detail["type"] == "missing" and isinstance(path[-1], int)
        where = tree.locate(path[:-1] if missing_item else path)
        found.append(Problem(where, _message(detail, path, tree, known)))
    return found


def _message(
    detail: ErrorDetails, path: RecipePath, tree: Node, known: Sequence[str] | None
) -> str:
    kind, key, given = detail["type"], path[-1] if path else "", detail["input"]
    context: dict[str, Any] = detail.get("ctx", {})
    if kind == "missing":
        if isinstance(key, int):
            return f"expected at least {key + 1} items"
        return f"{key!r} is missing"
    if kind == "extra_forbidden":
        names = _names_at(path[:-1], tree) if known is None else known
        if key in names:  # of another form
            return f"{key!r} does not go with {_beside(path, tree)}"
        return f"unknown key {key!r}{suggest(str(key), names)}"
    if kind == "too_long":
        return f"expected at most {context['max_length']} items, not {context['actual_length']}"
    if kind == "too_short":
        return f"expected at least {context['min_length']} items, not {context['actual_length']}"
    if kind == "union_tag_invalid":
        expected, tag = context["expected_tags"].replace("'", "").split(", "), context["tag"]
        if not isinstance(given["use"], str):
            return f"expected 'use' to be one of {', '.join(expected)}"
        return f"no {key} is called {tag!r}{suggest(tag, expected)}"
    if kind == "value_error":
        text = detail["msg"].removeprefix("Value error, ")
        return text if path else f"{text}, not {_shown(given)}"
    mapping = _mapping(given, context.get("class_name"), path, tree)
    closest = mapping if kind in ("model_type", "dict_type") else ""
    return f"{_expected(detail['msg'])}, not {_shown(given)}{closest}"


def _mapping(given: Any, model: str | None, path: RecipePath, tree: Node) -> str:
    """What to write instead of a value that stands where a mapping belongs."""
    if model == "FractionSplit":
        if type(given) is int and given > 1:
            return f"; try {{folds: {given}}}"
        return f"; try {{val: {given if type(given) is float and 0 < given < 1 else 0.2}}}"
    named = isinstance(given, str) and (model == "Use" or "use" in _names_at(path, tree))
    return f"; try {{use: {given[:60]}}}" if named else ""


def _beside(path: RecipePath, tree: Node) -> str:
    node = tree.at(path[:-1])
    keys = node.value if node and isinstance(node.value, dict) else {}
    return ", ".join(repr(key) for key in keys if key != path[-1]) or "what stands beside it"


def _expected(text: str) -> str:
    text = text.removeprefix("Input should be ")
    for jargon, plain in _PLAIN.items():
        text = text.replace(jargon, plain)
    return f"expected {text.removeprefix('a valid ')}"


_PLAIN = {
    "array": "list",
    "a valid dictionary": "a mapping",
    "an object": "a mapping",
    "dictionary": "mapping",
    "String should match pattern": "text of the form",
}


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return f"the text {value[:60]!r}"
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "nothing"}[value]
    return repr(value)[:80]


def _without_tags(loc: RecipePath, tree: Node, prefix: RecipePath) -> RecipePath:
    """pydantic puts the name of a union's member into the path; a recipe has no such key."""
    node = tree.at(prefix)
    path: list[str | int] = []
    for position, key in enumerate(loc):
        child = node.child(key) if node else None
        if child is None and position < len(loc) - 1:
            continue
        path.append(key)
        node = child
    return tuple(path)


def _names_at(path: RecipePath, tree: Node) -> list[str]:
    """The keys that the schema knows at `path`."""
    models: list[type[BaseModel]] = [Recipe]
    for key in path:
        fields = [model.model_fields[str(key)] for model in models if key in model.model_fields]
        models = [model for field in fields for model in _models(field.annotation)]
    names = [name for model in models if _fits(model, path, tree) for name in model.model_fields]
    return names + (["extends"] if not path else [])


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)


def _fits(model: type[BaseModel], path: RecipePath, tree: Node) -> bool:
    """Whether `model` is the union's member that the recipe's ``use`` names."""
    use = tree.at((*path, "use"))
    field = model.model_fields.get("use")
    return use is None or field is None or str(use.value) in str(field.annotation)
