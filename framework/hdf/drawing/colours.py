"""The colours of boxes, the same in every picture: a hue for each label."""

from __future__ import annotations

from itertools import cycle, islice
from typing import NamedTuple

# M. Okabe and K. Ito, Color Universal Design (2008). The first three are the ones that differ most,
# also for colour-blind readers.
COLOURS = ("#D55E00", "#56B4E9", "#F0E442", "#CC79A7", "#009E73", "#E69F00")
TINT = 0.5
"""The share of white in the colour of a true box beside its predicted one."""

DASH = (4.0, 2.5)
"""Lengths of the dashes of true boxes and of the gaps between them, in line widths."""


class BoxColours(NamedTuple):
    """The colours of a label's boxes where both are drawn, each as ``#RRGGBB``.

    Predicted boxes are solid. True ones are dashed, and drawn above them.
    """

    predicted: str
    true: str


def box_colours(labels: int) -> list[BoxColours]:
    """The colours of each label's predicted and true boxes: a hue, and a lighter tint of it.

    A single label has two hues.
    """
    if labels == 1:
        return [BoxColours(COLOURS[0], COLOURS[1])]
    return [BoxColours(hue, _tint(hue)) for hue in true_colours(labels)]


def true_colours(labels: int) -> list[str]:
    """The colour of each label's boxes in pictures of true boxes alone, as ``#RRGGBB``."""
    return [COLOURS[1]] if labels == 1 else list(islice(cycle(COLOURS), labels))


def _tint(hue: str) -> str:
    channels = (round(c + (255 - c) * TINT) for c in bytes.fromhex(hue[1:]))
    return f"#{bytes(channels).hex().upper()}"
