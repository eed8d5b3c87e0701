"""pydantic's errors in the words of a recipe."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from hdf.errors import Problem, suggest
from hdf.recipe.load import Node

Path = tuple[str | int, ...]


def problems(
    error: ValidationError, tree: Node, prefix: Path = (), known: Sequence[str] | None = None
) -> list[Problem]:
    """One problem for each of pydantic's errors.

    Args:
        tree: the recipe, for line numbers.
        prefix: where the validated part stands in the recipe.
        known: the valid names where a key is unknown; looked up in `hdf.recipe.schema` if None.
    """
    return [_problem(detail, tree, prefix, known) for detail in error.errors(include_url=False)]


def _problem(
    detail: ErrorDetails, tree: Node, prefix: Path, known: Sequence[str] | None
) -> Problem:
    path = prefix + _without_tags(detail["loc"], tree, prefix)
    where = tree.locate(path)
    kind, name = detail["type"], str(path[-1]) if path else ""
    if kind == "extra_forbidden":
        names = known if known is not None else _names_at(path[:-1], tree)
        if name in names:  # of another form
            return Problem(where, f"{name!r} does not go with {_beside(path, tree)}")
        return Problem(where, f"unknown key {name!r}{suggest(name, names)}")
    if kind == "missing" and isinstance(path[-1], int):
        return Problem(tree.locate(path[:-1]), f"expected at least {path[-1] + 1} items")
    if kind == "missing":
        return Problem(where, f"{name!r} is missing")
    context: dict[str, Any] = detail.get("ctx", {})
    if kind in ("too_long", "too_short"):
        limit = "most" if kind == "too_long" else "least"
        most = context["max_length" if kind == "too_long" else "min_length"]
        message = f"expected at {limit} {most} items, not {context['actual_length']}"
        return Problem(where, message)
    if kind == "union_tag_invalid":
        expected, tag = context["expected_tags"].replace("'", "").split(", "), context["tag"]
        if not isinstance(detail["input"]["use"], str):
            return Problem(where, f"expected 'use' to be one of {', '.join(expected)}")
        return Problem(where, f"no {name} is called {tag!r}{suggest(tag, expected)}")
    given = "" if kind == "value_error" and path else f", not {_shown(detail['input'])}"
    return Problem(where, f"{_message(detail)}{given}{_closest_mapping(detail, path, tree)}")


def _closest_mapping(detail: ErrorDetails, path: Path, tree: Node) -> str:
    """What to write instead of a value that stands where a mapping belongs."""
    if detail["type"] not in ("model_type", "dict_type"):
        return ""
    given, model = detail["input"], detail.get("ctx", {}).get("class_name")
    if model == "FractionSplit":
        if type(given) is int and given > 1:
            return f"; try {{folds: {given}}}"
        return f"; try {{val: {given if type(given) is float and 0 < given < 1 else 0.2}}}"
    named = isinstance(given, str) and (model == "Use" or "use" in _names_at(path, tree))
    return f"; try {{use: {given[:60]}}}" if named else ""


def _beside(path: Path, tree: Node) -> str:
    node = tree.at(path[:-1])
    keys = node.value if node and isinstance(node.value, dict) else {}
    return ", ".join(repr(key) for key in keys if key != path[-1]) or "what stands beside it"


def _message(detail: ErrorDetails) -> str:
    text = detail["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    if detail["type"] == "value_error":
        return text
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


def _without_tags(loc: Path, tree: Node, prefix: Path) -> Path:
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


def _names_at(path: Path, tree: Node) -> list[str]:
    """The keys that the schema knows at `path`."""
    from hdf.recipe import schema, splits

    sections: dict[Path, list[type[BaseModel]]] = {
        (): [schema.Recipe],
        ("data",): [schema.Data],
        ("data", "split"): list(get_args(splits.AnySplit)),
        ("data", "split", "lists"): [splits.Lists],
        ("model",): [schema.Model],
        ("train",): [schema.Train],
        ("train", "early_stopping"): [schema.EarlyStopping],
        ("train", "optimizer"): [schema.Adam, schema.AdamW, schema.SGD],
        ("train", "schedule"): [schema.Constant, schema.Cosine, schema.OneCycle],
    }
    models = sections.get(path, [])
    names = [name for model in models if _fits(model, path, tree) for name in model.model_fields]
    return names + (["extends"] if not path else [])


def _fits(model: type[BaseModel], path: Path, tree: Node) -> bool:
    """Whether `model` is the union's member that the recipe's ``use`` names."""
    use = tree.at((*path, "use"))
    field = model.model_fields.get("use")
    return use is None or field is None or str(use.value) in str(field.annotation)
