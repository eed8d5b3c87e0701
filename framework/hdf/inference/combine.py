"""One answer from those of several detectors or views."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from hdf.types import Detections


def combine(answers: Sequence[Detections], labels: int) -> Detections:
    """The mean of the best box of each label.

    The variance of an edge is the mean of the answers' own variances plus the variance between
    their edges (the law of total variance; B. Lakshminarayanan et al., Simple and Scalable
    Predictive Uncertainty Estimation using Deep Ensembles, NeurIPS 2017, section 2.4).

    Args:
        answers: at least one, all in the same pixels.
        labels: the number of labels, L.

    Returns:
        At most one box per label, in the order of the labels. A score is the mean over all answers,
        with 0 for those without a box. The spread is None if the only answer has none.
    """
    if len(answers) == 1 and _ascending(answers[0].labels.tolist()):
        return answers[0]
    found = [(label, _best(answers, label)) for label in range(labels)]
    rows = [(label, _mean(boxes, len(answers))) for label, boxes in found if boxes]
    if not rows:
        return _empty(answers[0])
    boxes, scores, spreads = zip(*(row for _, row in rows), strict=True)
    known = [spread for spread in spreads if spread is not None]
    return Detections(
        torch.stack(boxes),
        torch.tensor([label for label, _ in rows]),
        torch.stack(scores),
        torch.stack(known) if len(known) == len(rows) else None,
    )


def _ascending(values: Sequence[int]) -> bool:
    return all(first < second for first, second in pairwise(values))


Box = tuple[Tensor, Tensor, Tensor | None]
"""A box [4], its score [], and its spread [4]."""


def _best(answers: Sequence[Detections], label: int) -> list[Box]:
    found: list[Box] = []
    for answer in answers:
        of_label = (answer.labels == label).nonzero().flatten()
        if len(of_label):
            index = of_label[answer.scores[of_label].argmax()]
            spread = None if answer.spread is None else answer.spread[index]
            found.append((answer.boxes[index], answer.scores[index], spread))
    return found


def _mean(found: Sequence[Box], answers: int) -> Box:
    boxes = torch.stack([box for box, _, _ in found])
    score = torch.stack([score for _, score, _ in found]).sum() / answers
    variances = [spread.square() for _, _, spread in found if spread is not None]
    if answers == 1:
        return boxes[0], score, found[0][2]
    own = torch.stack(variances).mean(0) if variances else torch.zeros_like(boxes[0])
    return boxes.mean(0), score, (own + boxes.var(0, correction=0)).sqrt()


def _empty(like: Detections) -> Detections:
    return Detections(
        like.boxes.new_zeros(0, 4),
        like.labels.new_zeros(0),
        like.scores.new_zeros(0),
        None if like.spread is None else like.spread.new_zeros(0, 4),
    )
