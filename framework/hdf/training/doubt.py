"""The doubt score, which a run's detector learns from training images at its end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import count

import torch
from torch import Tensor

from hdf.data.batches import Batches
from hdf.models.novelty import doubt_features, fit_doubt
from hdf.training.prepare import Run
from hdf.types import Batch

FEWEST, MOST = 40, 160
"""Training images that it is learned from."""
PASSES = 3
"""How often they are looked at augmented."""
SECONDS_TO_FIT = 2e-9
"""Times the images cubed: products of their features are taken apart into axes."""


def looks(run: Run) -> tuple[int, float]:
    """How many images `learn_doubt` runs the backbone over, and about how many seconds follow."""
    images = len(_chosen(run)) * (1 + _passes(run))
    return images, SECONDS_TO_FIT * images**3


@torch.no_grad()
def learn_doubt(run: Run) -> None:
    """Give the run's detector a doubt score (`hdf.models.novelty`), given enough images."""
    index = _chosen(run)
    if not index:
        return
    detector = run.detector.eval()
    batches = Batches(run.store, index, run.recipe.train.batch_size)
    steps = count()

    def features(batch: Batch) -> Tensor:
        with run.compute.autocast():
            return doubt_features(detector.features(batch.images))

    def augmented() -> Iterator[Batch]:
        assert run.augment is not None
        for batch in batches.in_order():
            yield run.augment(batch, (run.recipe.seed, 0, next(steps)))  # epochs count from 1

    plain = torch.cat([features(batch) for batch in batches.in_order()])
    passes = [torch.cat([features(b) for b in augmented()]) for _ in range(_passes(run))]
    detector.doubt = fit_doubt(tuple(detector.backbone.channels), plain, passes)
    detector.spec = replace(detector.spec, doubt=len(detector.doubt.axes))


def _passes(run: Run) -> int:
    return 0 if run.augment is None else PASSES


def _chosen(run: Run) -> list[int]:
    """Training images from all over, at most `MOST`; none where there are too few."""
    index = run.split.train
    chosen = min(MOST, len(index)) if len(index) >= FEWEST else 0
    return [index[position * len(index) // chosen] for position in range(chosen)]
