"""``extends`` and ``key.path=value``: mappings merge, lists replace.

A changed ``use`` drops the old component's options, and one form of ``split`` replaces the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hdf.errors import user_error
from hdf.recipe.load import Node, parse, read_text
from hdf.recipe.packaged import find_recipe

_SPLIT_FORMS = ("val", "folds", "lists")


def resolve(recipe: Path, overrides: Sequence[str]) -> Node:
    """The recipe's tree with everything it extends below it and the overrides on top.

    Raises:
        UserError: a file can't be read or parsed, ``extends`` goes in circles, or an override is
            not ``key.path=value``.
    """
    tree = _load(recipe, ())
    for override in overrides:
        tree = _override(tree, override)
    return tree


def _load(recipe: Path, above: tuple[Path, ...]) -> Node:
    path = find_recipe(recipe)
    if path.resolve() in above:
        chain = " -> ".join(item.name for item in (*above, path))
        raise user_error(f"'extends' goes in circles: {chain}", where=str(path))
    tree = parse(read_text(path), str(path))
    if not isinstance(tree.value, dict):
        raise user_error("a recipe is a mapping with keys such as 'data' and 'model'", tree.where)
    base = tree.value.pop("extends", None)
    if base is None:
        return tree
    if not isinstance(base.value, str):
        raise user_error("'extends' names one other recipe file", where=base.where)
    parent = _load(_beside(path, base.value), (*above, path.resolve()))
    return merge(parent, tree)


def _beside(path: Path, name: str) -> Path:
    near = path.parent / name
    return near if near.exists() else Path(name)


def merge(old: Node, new: Node, key: str = "") -> Node:
    """`new` over `old`."""
    if not (isinstance(old.value, dict) and isinstance(new.value, dict)):
        return new
    if "use" in new.value and _use(new) != _use(old):
        return new
    if key == "split" and _forms(new) and _forms(new) != _forms(old):
        return new
    merged = dict(old.value)
    for name, node in new.value.items():
        merged[name] = merge(merged[name], node, name) if name in merged else node
    return Node(merged, new.where)


def _use(node: Node) -> object:
    return node.value["use"].value if "use" in node.value else None


def _forms(node: Node) -> set[str]:
    return {form for form in _SPLIT_FORMS if form in node.value}


def _override(tree: Node, override: str) -> Node:
    path, equals, text = override.partition("=")
    keys = path.split(".")
    if not equals or not all(keys):
        message = "an override is key.path=value, such as train.epochs=5"
        raise user_error(message, where=f"command line: {override}")
    where = f"command line: {override}"
    value = parse(text, where)
    relabel(value, where)
    return _place(tree, keys, value, where)


def relabel(node: Node, where: str) -> None:
    """Say of a node, and of all below it, that it was written at `where`."""
    node.where = where
    children = node.value.values() if isinstance(node.value, dict) else node.value
    if isinstance(node.value, dict | list):
        for child in children:
            relabel(child, where)


def _place(tree: Node, keys: list[str], value: Node, where: str) -> Node:
    """`tree` with `value` merged in at `keys`; a number steps into a list."""
    if not keys:
        return merge(tree, value)
    first, rest = keys[0], keys[1:]
    if isinstance(tree.value, list):
        items = list(tree.value)
        index = _position(first, len(items), where)
        items[index] = _place(items[index], rest, value, where)
        return Node(items, tree.where)
    if _meets_list(tree, keys):
        return Node({**tree.value, first: _place(tree.value[first], rest, value, where)}, where)
    nested = value
    for key in reversed(keys):
        nested = Node({key: nested}, where)
    return merge(tree, nested)


def _meets_list(node: Node, keys: list[str]) -> bool:
    for key in keys[:-1]:
        if not isinstance(node.value, dict) or key not in node.value:
            return False
        node = node.value[key]
        if isinstance(node.value, list):
            return True
    return False


def _position(key: str, count: int, where: str) -> int:
    if not key.isdigit() or int(key) >= count:
        raise user_error(f"{key!r} is no position in a list of {count}; the first is 0", where)
    return int(key)
