"""Phantoms that are rendered once in a process, however many tests look at them."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps

import pytest
from torch import Tensor

from hdf_plugins.loaders import phantom


def render_once(patch: pytest.MonkeyPatch) -> None:
    """Let the loader `phantom` remember what it has rendered.

    Its functions keep their names: what a process of its own is sent renders there as ever.
    """
    for name in ("read_image", "read_masks"):
        patch.setattr(phantom, name, _remembering(getattr(phantom, name)))


def _remembering(render: Callable[[int, int, tuple[int, int]], Tensor]) -> Callable[..., Tensor]:
    kept = lru_cache(4000)(render)

    @wraps(render)
    def copied(seed: int, index: int, size: tuple[int, int]) -> Tensor:
        return kept(seed, index, tuple(size)).clone()

    return copied
