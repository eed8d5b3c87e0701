"""A model that answers the same box everywhere is named at the end of its run, with causes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from hdf.console.progress import Reporter
from hdf.evaluation.evaluate import Evaluation
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
    run: Run, evaluation: Evaluation, history: Sequence[Mapping[str, Any]], steps: int
) -> dict[str, Any] | None:
    """Whether the validation images get the same box, whatever they show.

    The spread of boxes is the standard deviation of their edges, in pixels of the network's images,
    so that the sizes of the originals don't matter.

    Args:
        evaluation: of the weights that are kept, on the validation side.
        history: the lines of ``metrics.jsonl``.
        steps: of the optimiser, in the whole run.

    Returns:
        ``spread``, by label that of the predicted boxes as a share of that of the true ones, where
        it is below `SAME`; and ``causes``, the likeliest first. None where all labels vary.
    """
    matches = evaluation.matches
    geometry = [run.store.geometry[index] for index in evaluation.index]
    spread = {}
    for name in dict.fromkeys(matches.label):
        rows = [
            row
            for row, label in enumerate(matches.label)
            if label == name and not matches.box[row].isnan().any()
        ]
        if len(rows) < FEWEST:
            continue
        places = [geometry[matches.image[row]] for row in rows]
        found, true = (
            _spread(
                torch.stack([p.to_network(boxes[r]) for p, r in zip(places, rows, strict=True)])
            )
            for boxes in (matches.box, matches.true)
        )
        if found < SAME * true or max(found, true) < 1e-3:
            spread[name] = round(found / max(true, 1e-3), 4)
    return {"spread": spread, "causes": list(_causes(run, history, steps))} if spread else None


def _spread(boxes: Tensor) -> float:
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
        losses = [line["train_loss"] for line in history if "train_loss" in line]
        fell = "has fallen" if losses[-1] < HARDLY * losses[0] else "has hardly fallen"
        yield (
            f"train.optimizer.lr, now {rate:g}, does not fit (the training loss {fell}): "
            f"try {rate / 10:g} or {rate * 10:g}"
        )


def say_constant(found: Mapping[str, Any], reporter: Reporter) -> None:
    """Name the labels and the causes."""
    causes = "; or ".join(found["causes"])
    for name, share in found["spread"].items():
        same = f"{name}: nearly the same box for every image"
        reporter.say(f"{same} (it varies {share:.0%} as much as the true one); probably {causes}")
