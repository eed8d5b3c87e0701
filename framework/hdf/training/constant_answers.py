"""A model that answers the same box everywhere is named at the end of its run, with causes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from hdf.console.progress import Reporter
from hdf.evaluation.evaluate import Evaluation
from hdf.evaluation.metrics import of_name
from hdf.training.prepare import Run

SAME = 0.1
"""The predicted boxes are the same where they spread by less than this share of the true ones.

Boxes that spread by a tenth explain at most 1 - 0.9² = 19 % of the variance of the true ones, even
if every one of them deviates in the right direction.
"""
FEWEST = 5
"""Boxes that a spread is measured of."""
FEW_STEPS = 200
FAR = 100
"""How many times its optimiser's default a learning rate may be, or the other way round."""
HARDLY = 0.9
"""A loss above this share of the first epoch's has hardly fallen."""
ALIKE = 1.0
"""Images that differ by less than this are alike, in grey levels of 255; boxes in pixels."""


def constant_answers(
    run: Run,
    evaluation: Evaluation,
    history: Sequence[Mapping[str, Any]],
    steps: int,
    reporter: Reporter,
) -> dict[str, Any]:
    """Say whether the validation images get the same box, whatever they show.

    The spread of boxes is the standard deviation of their edges, in pixels of the network's images,
    so that the sizes of the originals don't matter.

    Returns:
        For ``summary.json``, empty where all labels vary: ``spread``, by label that of the
        predicted boxes as a share of the true ones' where it is below `SAME`, and ``causes``.
    """
    matches, spread = evaluation.matches, {}
    geometry = [run.store.geometry[evaluation.index[i]] for i in matches.image.tolist()]
    found, true = (
        torch.stack([at.to_network(box) for at, box in zip(geometry, boxes, strict=True)])
        for boxes in (matches.box, matches.true)
    )
    for name in dict.fromkeys(matches.label):
        rows = of_name(matches.label, name) & ~found.isnan().any(1)
        varies, should = _spread(found[rows]), _spread(true[rows])
        if varies < SAME * should or max(varies, should) < 1e-3:
            spread[name] = round(varies / max(should, 1e-3), 4)
    if not spread:
        return {}
    causes = list(_causes(run, history, steps))
    for name, share in spread.items():
        same = f"{name}: nearly the same box for every image"
        amount = f"it varies {share:.0%} as much as the true one"
        reporter.say(f"{same} ({amount}); probably {'; or '.join(causes)}")
    return {"constant_answers": {"spread": spread, "causes": causes}}


def _spread(boxes: Tensor) -> float:
    """NaN, which is neither much nor little, of too few boxes."""
    if len(boxes) < FEWEST:
        return math.nan
    return float(boxes.double().var(0, correction=0).mean().sqrt())


def _causes(run: Run, history: Sequence[Mapping[str, Any]], steps: int) -> Iterator[str]:
    boxes, present = run.store.targets[run.split.train].one_per_label(len(run.store.labels))
    for number, name in enumerate(run.store.labels):
        if _spread(boxes[present[:, number], number]) < ALIKE:
            yield f"the true boxes of {name} hardly differ: does the table repeat one?"
    images, _ = run.store.read(torch.tensor(run.split.train[:32]))
    if len(images) > 1 and float(images.float().std(0).mean()) < ALIKE:
        yield "the training images hardly differ: does the loader read the same one each time?"
    if not any(parameter.requires_grad for parameter in run.detector.backbone.parameters()):
        yield "the whole backbone is frozen"
    optimizer = run.recipe.train.optimizer
    rate, usual = optimizer.lr, type(optimizer).model_fields["lr"].default
    if not usual / FAR < rate < usual * FAR:
        odd = "high" if rate > usual else "low"
        yield f"train.optimizer.lr, now {rate:g}, is too {odd}: the usual value is {usual:g}"
    elif steps < FEW_STEPS:
        yield f"only {steps} steps were taken: raise train.epochs, now {run.recipe.train.epochs}"
    else:
        fell = history[-1]["train_loss"] < HARDLY * history[0]["train_loss"]
        loss = "the training loss has fallen" if fell else "the training loss has hardly fallen"
        yield (
            f"train.optimizer.lr, now {rate:g}, does not fit ({loss}): "
            f"try {rate / 10:g} or {rate * 10:g}"
        )
