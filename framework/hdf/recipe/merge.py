"""``extends`` and ``key.path=value``: mappings merge, lists replace. And where recipes differ.

A changed ``use`` drops the old component's options, and one form of ``split`` replaces the others.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hdf.errors import Problem, user_error
from hdf.files.atomic import is_file
from hdf.recipe.load import DEEPEST, Node, find_recipe, parse, read_text
from hdf.recipe.schema import DEFAULTS
from hdf.recipe.splits import SPLIT_FORMS

ABSENT = "—"
"""For a key that a recipe does not have."""

_NOTHING = object()


@dataclass(frozen=True)
class Source:
    """A recipe's own file and its text, and the tree of it merged with all that it builds upon."""

    file: Path
    text: str
    tree: Node


def resolve(recipe: Path, overrides: Sequence[str]) -> Source:
    """Read a recipe, a file or packaged, what it extends, and the command line's changes."""
    file = find_recipe(recipe)
    return source_of(file, read_text(file), overrides)


def source_of(file: Path, text: str, overrides: Sequence[str]) -> Source:
    """As `resolve`, of a recipe file that has been read."""
    defaults = parse(DEFAULTS, "defaults")
    _relabel(defaults, f"{file}:1")
    tree = merge(defaults, _extended(file, text, ()))
    for override in overrides:
        tree = _override(tree, override)
    return Source(file, text, tree)


def _extended(file: Path, text: str, above: tuple[Path, ...]) -> Node:
    tree = parse(text, str(file))
    if not isinstance(tree.value, dict):
        raise user_error("a recipe is a mapping with keys such as 'data' and 'model'", tree.where)
    base = tree.value.pop("extends", None)
    if base is None:
        return tree
    if not isinstance(base.value, str):
        raise user_error("'extends' names one other recipe file", where=base.where)
    near = file.parent / base.value
    parent = find_recipe(near if is_file(near) else Path(base.value))
    text = read_text(parent)
    chain = (*above, file.resolve())
    if parent.resolve() in chain:
        names = " -> ".join(path.name for path in (*chain, parent))
        raise user_error(f"'extends' goes in circles: {names}", where=base.where)
    if len(chain) > DEEPEST:
        raise user_error(f"more than {DEEPEST} recipes extend one another", where=base.where)
    below = _extended(parent, text, chain)
    below.value.pop("name", None)  # a run is called after its own recipe
    return merge(below, tree)


def merge(old: Node, new: Node, key: str = "", *, stays: bool = False) -> Node:
    """`new` over `old`, both at `key`.

    Where a mapping `stays`, it keeps the place of `old`: an override is to blame for the keys that
    it gives, and not for what stands beside them.
    """
    if not (isinstance(old.value, dict) and isinstance(new.value, dict)):
        return new
    use = new.child("use")
    if use and use.value != getattr(old.child("use"), "value", None):
        return new
    if key == "split" and _forms(new) and _forms(new) != _forms(old):
        return new
    merged = dict(old.value)
    for name, node in new.value.items():
        known = merged.get(name)
        merged[name] = merge(known, node, name, stays=stays) if known else node
    return Node(merged, old.where if stays else new.where)


def _forms(node: Node) -> set[str]:
    return {form for key, form in SPLIT_FORMS.items() if key in node.value}


def _override(tree: Node, override: str) -> Node:
    path, equals, text = override.partition("=")
    keys = path.split(".")
    shown = override if len(override) <= 80 else f"{override[:79]}…"
    where = f"command line: {shown}"
    if not equals or not all(keys):
        raise user_error("an override is key.path=value, such as train.epochs=5", where)
    if len(keys) > DEEPEST:
        raise user_error("nested too deeply", where)
    value = parse(text, where)
    _relabel(value, where)
    return _place(tree, keys, value)


def _relabel(node: Node, where: str) -> None:
    """Say of a node, and of all below it, that it was written at `where`."""
    node.where = where
    if isinstance(node.value, dict | list):
        for child in node.value.values() if isinstance(node.value, dict) else node.value:
            _relabel(child, where)


def _place(tree: Node, keys: list[str], value: Node, key: str = "") -> Node:
    """`tree`, which is at `key`, with `value` merged in at `keys`; a number steps into a list."""
    if not keys:
        return merge(tree, value, key, stays=True)
    first, rest = keys[0], keys[1:]
    if isinstance(tree.value, list):
        items = list(tree.value)
        if first not in map(str, range(len(items))):
            message = f"{first[:40]!r} is no position in a list of {len(items)}; the first is 0"
            raise user_error(message, value.where)
        items[int(first)] = _place(items[int(first)], rest, value)
        return Node(items, tree.where)
    inner = _place(tree.child(first) or Node({}, value.where), rest, value, first)
    return merge(tree, Node({first: inner}, value.where), key, stays=True)


def differences(recipes: Sequence[Any], key: str = "") -> Iterator[tuple[str, list[str]]]:
    """The innermost keys that differ, such as ``train.epochs``, each with all values as JSON."""
    if all(isinstance(recipe, dict) for recipe in recipes):
        for name in dict.fromkeys(name for recipe in recipes for name in recipe):
            below = f"{key}.{name}" if key else str(name)
            yield from differences([recipe.get(name, _NOTHING) for recipe in recipes], below)
    elif any(recipe != recipes[0] for recipe in recipes):
        yield key, [_shown(recipe) for recipe in recipes]


def differing(old: Any, new: Any) -> list[Problem]:
    """The keys in which two resolved recipes differ, with both values."""
    pairs = differences([old, new])
    return [Problem(key, f"{there} there, {here} here") for key, (there, here) in pairs]


def _shown(value: Any) -> str:
    return ABSENT if value is _NOTHING else json.dumps(value, ensure_ascii=False)
