"""Strict YAML with a line number for every value, from files and from the package.

PyYAML's defaults read ``1e-4`` as a string, ``on`` as True and ``0123`` as 83, and drop all but the
last of equal keys. Recipes use the core schema of YAML 1.2 (section 10.3.2) and refuse duplicate
keys, tags, and aliases that would grow without bound.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from hdf.errors import Problem, UserError, suggest, user_error
from hdf.files import atomic
from hdf.files.atomic import is_file

LARGEST_FILE = 1_000_000
MOST_VALUES = 20_000
DEEPEST = 40
RecipePath = tuple[str | int, ...]
TAG = "the tag {!r} is not allowed; recipes hold plain values only"

_CORE_TAG = "tag:yaml.org,2002:"
_CORE_SCHEMA = {
    "null": (r"~|null|Null|NULL|", "~nN"),
    "bool": (r"true|True|TRUE|false|False|FALSE", "tTfF"),
    "int": (r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    "float": (
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        "-+.0123456789",
    ),
}


@dataclass(slots=True)
class Node:
    """A value and where it was written."""

    value: Any  # dict[str, Node], list[Node] or a scalar
    where: str  # file:line, or the override on the command line

    def plain(self) -> Any:
        """Dicts, lists and scalars without their places."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value

    def child(self, key: str | int) -> Node | None:
        """The value of a mapping's key or at a list's position, if there is one."""
        if isinstance(self.value, dict):
            return self.value.get(str(key))
        is_item = isinstance(self.value, list) and isinstance(key, int) and key < len(self.value)
        return self.value[key] if is_item else None

    def at(self, path: RecipePath) -> Node | None:
        """The value at the end of `path`, if there is one."""
        node: Node | None = self
        for key in path:
            node = node.child(key) if node else None
        return node

    def locate(self, path: RecipePath) -> str:
        """Where the deepest known part of `path` was written, with the path itself."""
        for known in range(len(path), 0, -1):
            if node := self.at(path[:known]):
                return f"{node.where} ({'.'.join(map(str, path[:known]))})"
        return self.where


class _Loader(yaml.SafeLoader):
    """Resolves plain scalars by the core schema alone."""


_Loader.yaml_implicit_resolvers = {}
for _name, (_pattern, _first) in _CORE_SCHEMA.items():
    _tag, _exact = f"{_CORE_TAG}{_name}", re.compile(rf"^(?:{_pattern})$")
    _Loader.add_implicit_resolver(_tag, _exact, [*_first, ""])


class _Dumper(yaml.SafeDumper):
    """Quotes exactly what the loader would take for something else than a text."""

    yaml_implicit_resolvers = _Loader.yaml_implicit_resolvers

    def represent_str(self, text: str) -> yaml.ScalarNode:
        """A text; PyYAML loses line breaks other than \\n unless it escapes them."""
        style = '"' if any(end in text for end in "\x85\u2028\u2029") else None
        return self.represent_scalar(f"{_CORE_TAG}str", text, style)


_Dumper.add_representer(str, _Dumper.represent_str)


def dump(value: Any, width: int = 100) -> str:
    """Dicts, lists and scalars as YAML that `parse` reads as the same values."""
    text: str = yaml.dump(
        value,
        Dumper=_Dumper,
        sort_keys=False,
        default_flow_style=None,
        width=width,
        allow_unicode=True,
    )
    return text


def read_text(path: Path) -> str:
    """A recipe's text; raises as `hdf.files.atomic.read_text`."""
    return atomic.read_text(path, LARGEST_FILE)


def parse(text: str, name: str) -> Node:
    """Parse YAML, called `name`; all bad keys and tags are told together, a syntax error alone."""
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        message = f"not valid YAML: {error.problem or error.context}"
        raise user_error(message, where=f"{name}:{line}") from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise user_error(f"not valid YAML: {reason.splitlines()[0]}", where=name) from error
    if root is None:
        return Node(None, f"{name}:1")
    builder = _Builder(name)
    node = builder.build(root, 0)
    if builder.problems:
        raise UserError(builder.problems)
    return node


class _Builder:
    def __init__(self, name: str) -> None:
        self.name = name
        self.problems: list[Problem] = []
        self.count = 0

    def where(self, node: yaml.Node) -> str:
        return f"{self.name}:{node.start_mark.line + 1}"

    def build(self, node: yaml.Node, depth: int) -> Node:
        self.count += 1
        if depth > DEEPEST or self.count > MOST_VALUES:
            raise user_error("too many values, or nested too deeply", where=self.where(node))
        if isinstance(node, yaml.ScalarNode):
            return Node(self._scalar(node), self.where(node))
        if node.tag not in (f"{_CORE_TAG}map", f"{_CORE_TAG}seq"):
            self._refuse(node, TAG.format(node.tag))
        if isinstance(node, yaml.MappingNode):
            return Node(dict(self._items(node, depth)), self.where(node))
        return Node([self.build(item, depth + 1) for item in node.value], self.where(node))

    def _items(self, node: yaml.MappingNode, depth: int) -> Iterator[tuple[str, Node]]:
        seen: dict[str, str] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode) or not key.tag.endswith(":str"):
                self._refuse(key, "a key must be a name")
                continue
            name = self._whole(key)
            if name in seen:
                self._refuse(key, f"the key {name!r} is written twice; first at {seen[name]}")
            seen[name] = self.where(key)
            yield name, Node(self.build(value, depth + 1).value, seen[name])

    def _scalar(self, node: yaml.Node) -> Any:
        kind = node.tag.removeprefix(_CORE_TAG)
        if kind not in _SCALARS:
            self._refuse(node, TAG.format(node.tag))
            return None
        try:
            return _SCALARS[kind](self._whole(node))
        except ValueError:
            self._refuse(node, f"{node.value[:40]!r} is not a valid {kind}")
            return None

    def _whole(self, node: yaml.Node) -> str:
        """Its text, of which no file can hold half a character, such as an escape may write."""
        text: str = node.value
        if any("\ud800" <= character <= "\udfff" for character in text):
            self._refuse(node, "half a character (a lone surrogate)")
            return ""
        return text

    def _refuse(self, node: yaml.Node, message: str) -> None:
        self.problems.append(Problem(self.where(node), message))


_SCALARS: dict[str, Callable[[str], Any]] = {
    "str": str,
    "null": lambda text: None,
    "bool": lambda text: text.lower() == "true",
    "int": lambda text: int(text, {"0o": 8, "0x": 16}.get(text[:2], 10)),
    "float": lambda text: float(text.lower().replace(".inf", "inf").replace(".nan", "nan")),
}


def recipes_folder() -> Path:
    """Where the packaged recipes are: inside an installed wheel, or at the top of a checkout."""
    inside, outside = (Path(__file__).parents[level] / "recipes" for level in (1, 3))
    return inside if inside.is_dir() else outside


def packaged_recipes() -> list[Path]:
    return sorted(recipes_folder().glob("*.yaml"))


def find_recipe(recipe: Path) -> Path:
    """The file itself, or the packaged recipe of that bare name (``vgg16_mse``).

    What is there and no file is returned as well: reading it says what it is.
    """
    name = recipe.name.removesuffix(".yaml")
    packaged = recipes_folder() / f"{name}.yaml"
    if recipe.parent == Path() and not is_file(recipe) and is_file(packaged):
        return packaged
    if not os.path.lexists(recipe):  # no error for too long a name
        closest = suggest(name, (path.stem for path in packaged_recipes()))
        message = f"can't be read: no such file, and no packaged recipe is called so{closest}"
        raise user_error(message, str(recipe))
    return recipe
