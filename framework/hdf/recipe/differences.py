"""Where recipes differ."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

ABSENT = "—"
"""For a key that a recipe does not have."""

_NOTHING = object()


def differences(recipes: Sequence[Any], key: str = "") -> Iterator[tuple[str, list[str]]]:
    """The innermost keys that differ, such as ``train.epochs``, each with all values as JSON.

    Args:
        recipes: plain values.
    """
    if all(isinstance(recipe, dict) for recipe in recipes):
        for name in dict.fromkeys(name for recipe in recipes for name in recipe):
            below = f"{key}.{name}" if key else str(name)
            yield from differences([recipe.get(name, _NOTHING) for recipe in recipes], below)
    elif any(recipe != recipes[0] for recipe in recipes):
        yield key, [_shown(recipe) for recipe in recipes]


def _shown(value: Any) -> str:
    return ABSENT if value is _NOTHING else json.dumps(value, ensure_ascii=False)
