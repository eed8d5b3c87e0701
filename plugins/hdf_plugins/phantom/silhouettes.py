"""What an expert draws on the radiograph: cardiac outline and visible lung fields."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hdf_plugins.phantom.anatomy import Thorax
from hdf_plugins.phantom.beam import Beam
from hdf_plugins.phantom.solids import fill, spans, union

LABELS = ("heart", "left_lung", "right_lung")


def organ_masks(thorax: Thorax, beam: Beam) -> Tensor:
    """Masks of LABELS, bool [3, H, W], one connected blob each.

    The heart is the union of its chambers. A lung field is the lung's outline without the heart,
    the mediastinum, the diaphragm's domes and pleural fluid.
    """
    groups = (thorax.heart, thorax.vessels, thorax.aorta, thorax.domes, thorax.effusions)
    hiding = sum(len(group) for group in groups)
    left, right = spans(beam, union(*groups, thorax.left_lung, thorax.right_lung))
    hidden = fill(left[:hiding], right[:hiding], beam.size)
    middle = hiding + len(thorax.left_lung)
    parts = (slice(len(thorax.heart)), slice(hiding, middle), slice(middle, None))
    heart, *lungs = (fill(left[part], right[part], beam.size) for part in parts)
    masks = [heart, *(lung & ~hidden for lung in lungs)]
    return torch.from_numpy(np.stack([largest_component(mask) for mask in masks]))


def largest_component(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The largest 4-connected part of a mask, bool [H, W].

    Runs of pixels in a row are joined with the runs that they touch in the row above.
    """
    rows, starts, stops = _runs(mask)
    if len(rows) < 2:
        return mask
    roots = _join(rows, starts, stops)
    dropped = roots != np.bincount(roots, weights=stops - starts).argmax()
    result = mask.copy()
    for row, start, stop in zip(rows[dropped], starts[dropped], stops[dropped], strict=True):
        result[row, start:stop] = False
    return result


def _runs(mask: NDArray[np.bool_]) -> tuple[NDArray[np.intp], ...]:
    """Row, first column and column after the last of every run, in reading order."""
    width = mask.shape[1] + 1
    framed = np.zeros((mask.shape[0], width), dtype=np.bool_)
    framed[:, :-1] = mask
    flat = framed.ravel()
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    if flat[0]:
        edges = np.concatenate([[0], edges])
    return edges[::2] // width, edges[::2] % width, edges[1::2] % width


def _join(
    rows: NDArray[np.intp], starts: NDArray[np.intp], stops: NDArray[np.intp]
) -> NDArray[np.intp]:
    """The component number of every run."""
    touching = (np.diff(rows) == 1) & (starts[1:] < stops[:-1]) & (starts[:-1] < stops[1:])
    if touching.all():  # one run a row, each on the last: a single part
        return np.zeros(len(rows), dtype=np.intp)
    parent = list(range(len(rows)))

    def root(run: int) -> int:
        while parent[run] != run:
            run = parent[run]
        return run

    above = np.searchsorted(rows, rows - 1)
    here = np.searchsorted(rows, rows)
    for run in range(len(rows)):
        for other in range(above[run], here[run]):
            if starts[other] < stops[run] and starts[run] < stops[other]:
                parent[root(run)] = root(other)
    return np.array([root(run) for run in range(len(rows))])
