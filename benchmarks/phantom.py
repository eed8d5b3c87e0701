"""Phantoms a second at 224 px, as a recipe reads them."""

from __future__ import annotations

import time
from collections.abc import Iterator

from hdf.data.store import build_store
from hdf_plugins.loaders.phantom import Phantom

COUNT, ROUNDS = 600, 3


def rows() -> Iterator[tuple[str, str]]:
    """Listing (boxes known) and reading (rendered, resized, stored)."""
    for number in range(ROUNDS):
        began = time.perf_counter()
        samples = Phantom(count=COUNT, seed=number).records()
        listed = time.perf_counter()
        build_store(samples, ("heart",), (224, 224))
        done = time.perf_counter()
        yield f"round {number + 1}: listed a second", f"{COUNT / (listed - began):.0f}"
        yield f"round {number + 1}: rendered a second", f"{COUNT / (done - listed):.1f}"
