"""From a run to what learns in it."""

from __future__ import annotations

from copy import deepcopy

from hdf.errors import placed
from hdf.models.build import blamed_on
from hdf.models.feature_cache import FeatureCache
from hdf.training.average import MovingAverage
from hdf.training.compiled import compile_detector
from hdf.training.finite import Watch
from hdf.training.loop import Learner
from hdf.training.optimisation import build_optimizer, build_schedule, rate_factors
from hdf.training.prepare import Run


def build_learner(
    run: Run, steps: int, cache: FeatureCache | None = None, watch: Watch | None = None
) -> Learner:
    """The learner of a run.

    With ``train.ema`` a copy of the run's detector learns, and the run's detector takes the average
    of its weights, for that is what is evaluated, drawn and saved.

    Args:
        steps: of the optimiser, in the whole run.
        cache: used where no augmentation precedes the backbone.
        watch: looks whether losses are finite.

    Raises:
        UserError: the backbone's stages can't be had, or the detector can't be compiled.
    """
    settings = run.recipe.train
    detector = deepcopy(run.detector) if settings.ema else run.detector
    if settings.compile:
        with placed(run.checked.where("train", "compile")):
            compile_detector(detector, settings.batch_size, run.compute)
    with blamed_on(run.checked.parts["model", "backbone"], "stages"):
        factors = rate_factors(detector.backbone, settings.backbone_lr, settings.layer_decay)
    optimizer = build_optimizer(detector, settings.optimizer, factors)
    return Learner(
        detector,
        run.augment,
        optimizer,
        build_schedule(optimizer, settings.schedule, steps),
        run.compute,
        run.recipe.seed,
        settings.clip_norm,
        MovingAverage(detector, run.detector, settings.ema) if settings.ema else None,
        cache if run.augment is None else None,
        run.world,
        watch=watch,
    )
