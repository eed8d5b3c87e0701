"""Images that show too little, or show it the wrong way round."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from hdf.tools.audit.finding import Finding
from hdf.tools.audit.survey import SIDE, Survey, standardised

BLANK = 0.04
"""Spread below which nothing is seen. The flattest of 200 radiographs has 0.10."""

CLIPPED, BADLY_CLIPPED = 0.05, 0.2
"""Clipped shares of the middle quarter, for a warning and for more. 200 radiographs have 0.003."""

INVERTED, UNLIKE = -0.2, 0.3
"""Likeness below these. 200 radiographs lie between 0.51 and 0.93, their negatives opposite."""

FEWEST = 10
"""Images from which on one can be unlike the others."""


def find_bad_exposures(survey: Survey, likeness: Tensor) -> Iterator[Finding]:
    """Blank, clipped, inverted and strange images.

    Args:
        likeness: of each image, as `likeness_to_all` gives it.
    """
    for row, name in enumerate(survey.names):
        if survey.spread[row] < BLANK:
            spread = f"{float(survey.spread[row]):.1%} of the grey scale"
            yield Finding(name, "blank", "severe", f"nine tenths of its pixels lie within {spread}")
            continue
        yield from _clipped(name, float(survey.clipped[row]))
        if likeness[row] < INVERTED:
            detail = "bone is dark and air is bright, against the other images"
            yield Finding(name, "inverted", "severe", detail)
        elif likeness[row] < UNLIKE and len(survey.names) >= FEWEST:
            detail = f"resembles a frontal chest like the others little ({likeness[row]:.2f} of 1)"
            yield Finding(name, "unlike", "warning", detail)


def _clipped(name: str, share: float) -> Iterator[Finding]:
    if share >= CLIPPED:
        detail = f"{share:.0%} of the pixels in its middle are black or white"
        yield Finding(name, "clipped", "severe" if share >= BADLY_CLIPPED else "warning", detail)


def likeness_to_all(small: Tensor, usable: Tensor) -> Tensor:
    """The correlation of each image with what all have in common, float32 [N] in [-1, 1].

    What they have in common is the first principal component of the standardised images, which a
    few inverted ones do not turn round. Its sign is that of a chest whose lungs are dark.

    Args:
        small: [N, SIDE, SIDE].
        usable: bool [N], which images may say what is common.
    """
    rows = standardised(small)
    if not usable.any():
        return torch.zeros(len(small))
    common = torch.linalg.eigh(rows[usable].T @ rows[usable]).eigenvectors[:, -1]
    weights, inside = _dark_lungs()
    shown = common[inside] - common[inside].mean()
    common = common if shown @ (weights - weights.mean()) >= 0 else -common
    return torch.mv(rows, common)


def upright(small: Tensor, likeness: Tensor) -> Tensor:
    """The images with inverted ones turned back, [N, SIDE, SIDE]."""
    return torch.where((likeness < INVERTED)[:, None, None], 1 - small, small)


def _dark_lungs() -> tuple[Tensor, Tensor]:
    """Values where a chest is looked at, [M], and where that is, bool [SIDE x SIDE]."""
    centre = (torch.arange(SIDE) + 0.5) / SIDE
    y, x = torch.meshgrid(centre, centre, indexing="ij")
    lungs = sum((((x - at) / 0.14) ** 2 + ((y - 0.42) / 0.27) ** 2 <= 1) for at in (0.29, 0.71))
    inside = (x - 0.5).abs().lt(0.4) & y.gt(0.08) & y.lt(0.85)
    return -torch.as_tensor(lungs).float()[inside], inside.flatten()
