"""The answer for one radiograph: boxes, their intervals, the ratio, and warnings."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from torch import Tensor

from hdf.boxes import clip
from hdf.inference.predictor import Prediction
from hdf.models.calibration import Calibration
from hdf.ratio import HeartWidth, cardiothoracic_ratio, heart_width, ratio_spread
from hdf.types import ImageFacts

DOUBTED = 0.5
FRONTAL = ("PA", "AP")


@dataclass(frozen=True)
class Answer:
    """What is found in one radiograph, and what follows from it.

    Attributes:
        size: (height, width) of the image.
        prediction: the boxes, in its pixels.
        facts: what its file states.
        outer: the box that contains the true one, by label; empty without a calibration.
        inner: the box that lies within the true one, likewise.
        ratio: the cardiothoracic ratio, if heart and lungs were found.
        ratio_interval: (low, high), if the ratio is calibrated.
        width: of the heart in millimetres, if the file states a pixel spacing.
    """

    size: tuple[int, int]
    prediction: Prediction
    facts: ImageFacts
    outer: dict[str, Tensor] = field(default_factory=dict)
    inner: dict[str, Tensor] = field(default_factory=dict)
    ratio: float | None = None
    ratio_interval: tuple[float, float] | None = None
    width: HeartWidth | None = None

    @property
    def warnings(self) -> list[str]:
        """Reasons to distrust the boxes or the ratio."""
        view = self.facts.view
        found = {
            "nothing was found": not self.prediction.boxes,
            "may be no upright frontal chest radiograph": self.prediction.doubt >= DOUBTED,
            f"the file states the view {view}: no frontal one": view and view not in FRONTAL,
            "anteroposterior view: the heart looks wider than it is": view == "AP",
            "lying patient: the heart looks wider than it is": self.facts.lying,
        }
        return [warning for warning, holds in found.items() if holds]


def make_answer(
    prediction: Prediction,
    size: tuple[int, int],
    facts: ImageFacts,
    calibration: Calibration | None,
    coverage: float,
) -> Answer:
    """Combine a prediction with the facts of its file and the detector's calibration.

    Args:
        size: (height, width) of the image.
        calibration: of the predictor.
        coverage: one of the calibration's levels.
    """
    boxes = prediction.boxes
    answer = Answer(
        size,
        prediction,
        facts,
        ratio=cardiothoracic_ratio(boxes),
        width=heart_width(boxes["heart"], facts) if "heart" in boxes else None,
    )
    return answer if calibration is None else _calibrated(answer, calibration, coverage)


def _calibrated(answer: Answer, calibration: Calibration, level: float) -> Answer:
    boxes, spreads = answer.prediction.boxes, answer.prediction.spreads
    known = {
        label: calibration.spread(boxes[label], spreads.get(label), label)
        for label in calibration.edges.keys() & boxes.keys()
        if label in spreads or label in calibration.fallback_spread
    }
    spread, interval = ratio_spread(boxes, known), None
    if answer.ratio is not None and spread is not None and calibration.ratio:
        interval = calibration.ratio_interval(answer.ratio, spread, level)
    return replace(
        answer,
        outer={
            label: clip(calibration.outer(boxes[label], spread, label, level), answer.size)
            for label, spread in known.items()
        },
        inner={
            label: calibration.inner(boxes[label], spread, label, level)
            for label, spread in known.items()
        },
        ratio_interval=interval,
    )
