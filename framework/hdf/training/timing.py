"""Where a run's time goes, and how much is left."""

from __future__ import annotations

import time
from collections.abc import Iterator

import torch

from hdf.console.forecast import Pace
from hdf.console.progress import Reporter
from hdf.runtime.device import computes_bfloat16
from hdf.training.prepare import Run
from hdf.training.state import TrainingState, validates

BYTES_A_SECOND = 150e6
"""A checkpoint is written, and read back, at about this rate."""
SCORING, VISUALIZER, PICTURE, FILM = 0.6, 0.3, 0.07, 0.04
"""Seconds of what comes last: scores, a visualizer, a radiograph in it, and one in the report."""
FILMS = 18
LARGE = 13e6
"""Parameters of a detector that is no light one."""
LIGHTER = "resnet18_smooth_l1"
MUCH = 0.2


class Timing:
    """Times the pieces of a run, and says how long what is left will take.

    Attributes:
        step, image, checkpoint, drawing: the times of a training step, of an image that the
            detector is evaluated on, of a checkpoint, and of the pictures of an epoch.
    """

    def __init__(self, run: Run, state: TrainingState, steps: int, reporter: Reporter) -> None:
        self.run, self.state, self.steps, self.reporter = run, state, steps, reporter
        self.settings = run.recipe.train
        weights = sum(value.nbytes for value in self.run.detector.state_dict().values())
        copies = 4 if self.settings.ema else 3  # Adam keeps two numbers a weight
        self.step, self.image, self.drawing = Pace(), Pace(), Pace()
        self.checkpoint = Pace(copies * weights / BYTES_A_SECOND)
        self.scored = len(self.run.split.val) + len(self.run.split.inner)
        self.prepared = time.monotonic() - reporter.began
        self._typical = state.learner.cache is None

    def start_epoch(self) -> None:
        """Until a feature cache is full, steps tell nothing."""
        self._typical = self._typical or self.image.pieces > 0
        self.step.start()

    def after_step(self) -> None:
        """The next step begins, unless a checkpoint is written meanwhile."""
        if not self._typical:
            return
        told, device = self.reporter.forecast.told, self.run.compute.device
        if not told and device.type == "cuda":
            torch.cuda.synchronize(device)  # it answers before it has computed
        self.step.lap()
        if not told:
            self.tell()

    def left(self) -> float | None:
        """Seconds until the process ends, if known."""
        if not self.step.is_sure:
            return None
        later = self.reporter.forecast.later  # folds, each a run of its own
        return self._after(*self.state.place) + (later * self._whole if later else 0.0)

    def tell(self) -> None:
        """Say what is left, where that was not said, or was said wrongly."""
        left = self.left()
        if left is None or not self.run.world.is_writer:
            return
        patience = self.settings.early_stopping
        shorter = list(what_shortens(self.run, self._passes(1) * self._pass / self._whole))
        forecast = self.reporter.forecast
        self.reporter.say(*forecast.lines(left, shorter, at_most=patience is not None))

    def _after(self, epoch: int, done: int) -> float:
        """Seconds from a place in the training to the run's end."""
        epochs = self.settings.epochs - epoch + 1
        steps = epochs * self.steps - done
        each_pass = self._pass + self.drawing.each
        saving = (epochs + 1) * self.checkpoint.each
        return steps * self.step.each + self._passes(epoch) * each_pass + saving + self._end

    def _passes(self, first: int) -> int:
        """Validations from an epoch on."""
        epochs = range(first, self.settings.epochs + 1)
        return sum(validates(self.settings, epoch) for epoch in epochs)

    @property
    def _whole(self) -> float:
        """Seconds of the whole run, had it begun anew."""
        first = len(self.run.split.val) * self.image.each
        return self.prepared + first + self._after(1, 0)

    @property
    def _pass(self) -> float:
        """Seconds of a validation; the first one warms up, and is not slower than learning."""
        each = self.image.each if self.image.pieces else self._looked_at
        return self.scored * each

    @property
    def _looked_at(self) -> float:
        """Seconds for an image among many; a validation of a few takes longer for each."""
        return min(self.image.each, self.step.each * self.steps / len(self.run.split.train))

    @property
    def _end(self) -> float:
        """Seconds of what follows the last epoch: doubt, scores, pictures and the report."""
        from hdf.training.doubt import looks  # not above: first asked for after the first steps

        images, fitting = looks(self.run)
        validated = len(self.run.split.val)
        report = FILM * min(FILMS, validated)
        counts = [getattr(item, "count", 1) for item in self.run.visualizers if item.when == "end"]
        shown = [min(item, validated) if isinstance(item, int) else 1 for item in counts]
        drawn = VISUALIZER * len(shown) + PICTURE * sum(shown)
        return images * self._looked_at + fitting + SCORING + drawn + report


def what_shortens(run: Run, validating: float) -> Iterator[str]:
    """What in a recipe would shorten its run, of whose time a share is spent `validating`."""
    train, size = run.recipe.train, run.recipe.data.image_size
    smaller = [-(-side // 64) * 32 for side in size]
    if min(size) > 64:
        yield f"data.image_size={smaller} instead of {list(size)}"
    if train.epochs > 1:
        yield f"fewer than {train.epochs} train.epochs"
    if run.compute.dtype is torch.float32 and computes_bfloat16(run.compute.device):
        yield "train.precision=bfloat16, in which this machine computes"
    if validating > MUCH and train.validate_every < train.epochs:
        yield f"a larger train.validate_every ({validating:.0%} of the time is validation)"
    if sum(parameter.numel() for parameter in run.detector.parameters()) > LARGE:
        yield f"a lighter recipe such as {LIGHTER}"
