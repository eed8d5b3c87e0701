"""What a component's docstring says of it and of each of its options."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any

_SECTION = re.compile(r"^(Args|Attributes|Returns|Raises|Source):", re.MULTILINE)


def description(target: Callable[..., Any]) -> str:
    """The docstring of a class or function up to its first section."""
    return _SECTION.split(_documentation(target))[0].strip()


def meanings(target: Callable[..., Any]) -> dict[str, str]:
    """What the ``Args`` of a function, or of a class and its bases, say of each parameter."""
    sources = reversed(inspect.getmro(target)) if inspect.isclass(target) else [target]
    found: dict[str, str] = {}
    for source in sources:
        found.update(_items(_documentation(source), "Args"))
    return found


def attributes(target: type) -> dict[str, str]:
    """What the ``Attributes`` of a class and its bases say of each."""
    found: dict[str, str] = {}
    for source in reversed(inspect.getmro(target)):
        found.update(_items(_documentation(source), "Attributes"))
    return found


def _documentation(target: Callable[..., Any]) -> str:
    return inspect.cleandoc(target.__doc__ or "")


def _items(documentation: str, section: str) -> Iterator[tuple[str, str]]:
    _, _, below = documentation.partition(f"\n{section}:\n")
    block = re.split(r"^\S", below, maxsplit=1, flags=re.MULTILINE)[0]
    for item in re.split(r"^ {4}(?=\w)", block, flags=re.MULTILINE)[1:]:
        name, _, meaning = item.partition(":")
        yield name, " ".join(meaning.split())
