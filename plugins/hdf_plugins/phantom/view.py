"""A patient before the detector: all that the masks need, and nothing that only the image needs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hdf_plugins.phantom.anatomy import Thorax, make_thorax
from hdf_plugins.phantom.beam import Beam
from hdf_plugins.phantom.placement import place


@dataclass(frozen=True)
class View:
    """One patient and one projection."""

    thorax: Thorax
    beam: Beam


def make_view(seed: int, index: int, size: tuple[int, int]) -> View:
    """The patient number `index` of a series, on an image of `size` (height, width)."""
    random = stream(seed, index, 0)
    thorax = make_thorax(random)
    return View(thorax, place(random, thorax, size))


def stream(seed: int, index: int, use: int) -> np.random.Generator:
    """Random numbers of one phantom for one use; more draws of one never shift another."""
    return np.random.default_rng(np.random.SeedSequence([seed, index, use]))
