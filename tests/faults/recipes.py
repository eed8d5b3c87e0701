"""Recipes of strangers: each is in order, or refused in clear words."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from hdf.models.build import build_components
from hdf.recipe.check import check_recipe
from hdf.recipe.merge import resolve
from hdf.registry.registry import Registry, discover
from tests.faults.outcome import Outcome
from tests.faults.recipe_texts import (
    SHORT,
    bombs,
    changed,
    components,
    damaged,
    extending,
    overrides,
)
from tests.faults.strange import seeded
from tests.faults.watched import attempt


def bench(count: int) -> Outcome:
    """Check so many recipes and their overrides as ``hdf check`` does."""
    outcome, registry = Outcome(), discover()
    with tempfile.TemporaryDirectory() as name:
        folder = _companions(Path(name))
        file = folder / "recipe.yaml"
        texts = (
            changed() | damaged() | components(registry) | bombs() | extending() | st.just(SHORT)
        )

        @seeded(count)
        @given(texts | st.text() | st.binary(), overrides)
        def one(text: str | bytes, changes: list[str]) -> None:
            content = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
            file.write_bytes(content)
            case = f"{content[:2000]!r} {[change[:200] for change in changes]!r}"
            attempt(outcome, case, lambda: check(file, changes, registry))

        one()
    return outcome


def _companions(folder: Path) -> Path:
    """What a recipe may name beside itself."""
    (folder / "other.yaml").write_text("extends: recipe.yaml\nseed: 7\n")
    (folder / "loop.yaml").symlink_to(folder / "loop.yaml")
    os.mkfifo(folder / "pipe.yaml")
    return folder


def check(file: Path, changes: list[str], registry: Registry) -> str:
    """As ``hdf check``; what it prints must be a recipe that says the same."""
    checked = check_recipe(resolve(file, changes), registry)
    build_components(checked)
    again = file.with_name("resolved.yaml")
    again.write_text(checked.resolved_yaml(), encoding="utf-8")
    same = check_recipe(resolve(again, []), registry).resolved()
    assert repr(same) == repr(checked.resolved()), "the resolved recipe is another one"
    return "in order"
