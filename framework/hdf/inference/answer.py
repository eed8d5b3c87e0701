"""All that is said of one radiograph: boxes, their intervals, the ratio, and warnings."""

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
    """What is found in one radiograph, and what that means.

    Attributes:
        size: (height, width) of the image.
        prediction: the boxes, in its pixels.
        facts: what its file says.
        outer: the box that holds the true one, by label; only where there is a calibration.
        inner: the box that the true one holds, likewise.
        ratio: the cardiothoracic ratio, where heart and lungs were found.
        ratio_interval: (low, high), only where it was calibrated.
        width: of the heart in millimetres, where the file states a spacing.
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
        """Why the boxes, or the ratio, may not mean what they seem to."""
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
    """Put a prediction beside what the file says and what is known of the detector's errors.

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
        ratio_interval=_ratio_interval(answer, calibration, known, level),
    )


def _ratio_interval(
    answer: Answer, calibration: Calibration, spreads: dict[str, Tensor], level: float
) -> tuple[float, float] | None:
    spread = ratio_spread(answer.prediction.boxes, spreads)
    if answer.ratio is None or spread is None or not calibration.ratio:
        return None
    return calibration.ratio_interval(answer.ratio, spread, level)
