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
    index, passes = _views(run)
    images = len(index) * (1 + passes)
    return images, SECONDS_TO_FIT * images**3


@torch.no_grad()
def learn_doubt(run: Run) -> None:
    """Give the run's detector a doubt score (`hdf.models.novelty`), given enough images."""
    index, passes = _views(run)
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
    varied = [torch.cat([features(batch) for batch in augmented()]) for _ in range(passes)]
    detector.doubt = fit_doubt(tuple(detector.backbone.channels), plain, varied)
    detector.spec = replace(detector.spec, doubt=len(detector.doubt.axes))


def _views(run: Run) -> tuple[list[int], int]:
    """Training images from all over, none where there are too few; and the passes over them."""
    index = run.split.train
    chosen = min(MOST, len(index)) if len(index) >= FEWEST else 0
    evenly = [index[position * len(index) // chosen] for position in range(chosen)]
    return evenly, 0 if run.augment is None else PASSES
