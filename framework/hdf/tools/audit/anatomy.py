"""Boxes that lie where no organ does, judged by the other boxes of the data set."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from hdf.boxes import to_center_size
from hdf.drawing.shapes import covered
from hdf.tools.audit import Finding, Severity
from hdf.tools.audit.records import Box
from hdf.tools.audit.survey import SIDE

FEWEST = 10
"""The fewest boxes of one label and source to judge others by."""
TINY, TINY_WHATEVER = 0.25, 0.02
"""A side below this share of the median side, or below this share of the image, is tiny."""
UNUSUAL, FAR = 4.5, 6.0
"""Robust standard deviations: a warning, severe. 200 hearts reach 4.6, 400 lungs 4.4."""
USUAL = 2.5
"""A box within this many robust standard deviations lies where the others do."""
LEAST_SPREAD = torch.tensor([0.01, 0.01, 0.03, 0.03])
"""The smallest spread of the centre, a share of the image, and of log width and log height."""
OFF_CENTRE = 0.03
"""A label has no side if its median centre is nearer than this to the middle."""
MIRROR_GAIN = 3.0
"""Standard deviations by which mirroring must improve a box, without evidence in the image."""
CONTRAST = 0.15
"""The difference between the sides, in standard deviations of grey, that counts as evidence."""

Oddity = tuple[str, Severity, str]
"""Kind, severity and detail of a finding."""
_WHAT = ("centre x", "centre y", "width", "height")


def find_odd_boxes(boxes: Sequence[Box], small: Tensor, names: Sequence[str]) -> Iterator[Finding]:
    """Tiny, mirrored and far ones among sound boxes.

    `small` holds the N images, float32 [N, SIDE, SIDE], none of them inverted; `names` are theirs.
    """
    groups: dict[tuple[str, str], list[Box]] = defaultdict(list)
    for box in boxes:
        groups[box.source, box.label].append(box)
    for group in groups.values():
        for box, oddity in _odd_ones(group, small):
            yield Finding(names[box.image], *oddity)


def _odd_ones(boxes: list[Box], small: Tensor) -> Iterator[tuple[Box, Oddity]]:
    """The odd boxes among those of one label and source."""
    edges = torch.stack([box.edges for box in boxes])
    shape = _shape(edges)
    median, spread = _robust(shape)
    deviation = (shape - median) / spread
    x0, y0, x1, y1 = edges.unbind(1)
    mirrored = (_shape(torch.stack([1 - x1, y0, 1 - x0, y1], 1)) - median) / spread
    tiny = (edges[:, 2:] - edges[:, :2]).amin(1).double() < TINY_WHATEVER
    evidence = torch.zeros(len(boxes))
    if is_known := len(boxes) >= FEWEST:  # enough to say where such boxes lie
        much_smaller = (shape[:, 2:] - median[2:]).exp() < TINY
        tiny |= (much_smaller & (deviation[:, 2:] < -UNUSUAL)).any(1)
    if float(x0.median()) < 0.5 < float(x1.median()) and abs(float(median[0]) - 0.5) >= OFF_CENTRE:
        evidence = _evidence(boxes, small)
    for row, box in enumerate(boxes):
        if tiny[row]:
            yield box, ("box_tiny", "severe", _tiny(box))
        elif is_known and (found := _misplaced(box, deviation[row], mirrored[row], evidence[row])):
            yield box, found


def _misplaced(box: Box, deviation: Tensor, mirrored: Tensor, evidence: Tensor) -> Oddity | None:
    """What is odd about the place of a box.

    Args:
        deviation: [4], of its centre and sides, in robust standard deviations from the median.
        mirrored: the same for the mirrored box.
        evidence: of the grey values; above 0 if the box lies on the side where most do.
    """
    worst = float(deviation.abs().max())
    if wrong := _wrong_side(deviation.abs(), float(mirrored[0].abs()), float(evidence)):
        detail = _SIDES[wrong].format(label=box.label)
        return wrong, "warning" if worst < USUAL else "severe", detail
    if worst < UNUSUAL:
        return None
    return "box_far", "severe" if worst >= FAR else "warning", _far(box, deviation)


def _wrong_side(deviation: Tensor, other: float, evidence: float) -> str:
    """``box_mirrored`` or ``image_mirrored`` if one is on the wrong side; else empty."""
    own = float(deviation[0])
    if float(deviation[1:].max()) >= UNUSUAL or min(own, other) >= UNUSUAL:
        return ""  # more than its side is wrong
    gain = own - other
    if gain > 0 > evidence:
        return "box_mirrored"
    if gain >= MIRROR_GAIN:
        return "image_mirrored" if evidence > CONTRAST else "box_mirrored"
    return "image_mirrored" if evidence < -CONTRAST else ""


_SIDES = {
    "box_mirrored": "mirrored, the {label} box would lie where the others do",
    "image_mirrored": "the {label} box and the image's grey values are not on the usual sides: the "
    "image is mirrored, its box is, or the organ lies on the other side",
}


def _shape(edges: Tensor) -> Tensor:
    """Centre, and logarithm of width and height, [N, 4]."""
    found = to_center_size(edges)
    return torch.cat([found[:, :2], found[:, 2:].clamp(min=1e-6).log()], 1)


def _robust(shape: Tensor) -> tuple[Tensor, Tensor]:
    """Median, and the median absolute deviation as a standard deviation (Hampel 1974)."""
    median = shape.median(0).values
    spread = (shape - median).abs().median(0).values * 1.4826
    return median, spread.maximum(LEAST_SPREAD)


def _evidence(boxes: list[Box], small: Tensor) -> Tensor:
    """How much the grey under each box differs from that under its mirror image, [N].

    In standard deviations of the image's grey values; positive if it differs as for most boxes.
    """
    found = torch.tensor([_contrast(box.edges, small[box.image]) for box in boxes])
    return found * torch.sign(found.median())


def _contrast(edges: Tensor, image: Tensor) -> float:
    rows = _covered(edges[1::2])
    own, other = _covered(edges[0::2]), _covered(1 - edges[[2, 0]])
    columns = (image * rows[:, None]).sum(0) / rows.sum()
    alone, opposite = (own - other).clamp(min=0), (other - own).clamp(min=0)
    if alone.sum() < 0.5:  # less than half a column: the box lies in the middle
        return 0.0
    difference = (columns * alone).sum() / alone.sum() - (columns * opposite).sum() / opposite.sum()
    return float(difference / image.std().clamp(min=1e-3))


def _covered(ends: Tensor) -> Tensor:
    """The covered share of each of SIDE pixels between two fractions of the side."""
    start, end = (ends * SIDE).tolist()
    return torch.from_numpy(covered(start, end, SIDE))


def _tiny(box: Box) -> str:
    width, height = (box.edges[2:] - box.edges[:2]).tolist()
    return f"the {box.label} box takes {width:.1%} of the image's width, {height:.1%} of its height"


def _far(box: Box, deviation: Tensor) -> str:
    worst = int(deviation.abs().argmax())
    more = "above" if deviation[worst] > 0 else "below"
    amount = f"{float(deviation[worst].abs()):.1f} standard deviations {more} the others'"
    return f"the {_WHAT[worst]} of the {box.label} box is {amount}"
