"""The colours of boxes, the same in every picture."""

from __future__ import annotations

from itertools import cycle, islice

# M. Okabe and K. Ito, Color Universal Design (2008): distinguishable for colour-blind people, too.
COLOURS = ("#E69F00", "#56B4E9", "#CC79A7", "#009E73", "#F0E442", "#D55E00")


def true_colours(labels: int) -> list[str]:
    """The colour of each label's true boxes, as ``#RRGGBB``.

    A single label has the second colour: the first is for its predicted boxes.
    """
    return [COLOURS[1]] if labels == 1 else list(islice(cycle(COLOURS), labels))
