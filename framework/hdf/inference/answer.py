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
LATERAL = ("LL", "RL", "LATERAL")
OTHER_MODALITIES = ("CT", "MR", "US", "PT", "NM", "MG", "XA", "IO", "PX", "BMD", "OPT", "ECG")
"""DICOM's names (PS3.3, C.7.3.1.1.1) of images that are no plain radiographs of a chest."""
OF_THE_CHEST = ("CHEST", "THORA", "LUNG", "HEART", "RIB", "STERN", "TRUNK", "TORSO", "WHOLEBODY")
"""Beginnings or parts of BodyPartExamined (PS3.16, annex L) that may show a chest."""
WIDTHS = (70.0, 250.0)
"""Millimetres between which an adult's heart lies, even where its image is magnified."""


@dataclass(frozen=True)
class Answer:
    """What is found in one radiograph, and what follows from it.

    Attributes:
        size: (height, width) of the image.
        facts: what its file states.
        outer: by label, if calibrated, the box that contains the true one.
        inner: likewise the box within the true one, unless the edges are too uncertain for any.
        coverage: how often all edges of a true box lie between the two, in (0, 1).
        ratio: the cardiothoracic ratio, unless the view is stated to be lateral.
        ratio_interval: (low, high), if the ratio is calibrated.
        width: of the heart, if the file states a pixel spacing.
        implausible: instead of it, the width in millimetres that no adult's heart has.
    """

    size: tuple[int, int]
    prediction: Prediction
    facts: ImageFacts
    outer: dict[str, Tensor] = field(default_factory=dict)
    inner: dict[str, Tensor] = field(default_factory=dict)
    coverage: float | None = None
    ratio: float | None = None
    ratio_interval: tuple[float, float] | None = None
    width: HeartWidth | None = None
    implausible: float | None = None

    @property
    def ratio_text(self) -> str:
        """The ratio with its interval: ``0.46 (0.43 to 0.48)``; empty without a ratio."""
        if self.ratio is None:
            return ""
        interval = self.ratio_interval
        return f"{self.ratio:.2f}" + (" ({:.2f} to {:.2f})".format(*interval) if interval else "")

    @property
    def warnings(self) -> list[str]:
        """Reasons to distrust the boxes or the ratio."""
        view, modality, part = self.facts.view, self.facts.modality, self.facts.body_part
        mm = self.implausible or 0.0
        elsewhere = part and not any(name in part.replace(" ", "") for name in OF_THE_CHEST)
        found = {
            "nothing was found": not self.prediction.boxes,
            "may be no upright frontal chest radiograph": self.prediction.doubt >= DOUBTED,
            f"the file states the view {view}: no frontal one": view and view not in FRONTAL,
            f"the file states the modality {modality}: no radiograph": modality in OTHER_MODALITIES,
            f"the file states the body part {part}: no chest": elsewhere,
            f"the stated pixel spacing makes the heart {mm:.0f} mm wide: it is not used": mm > 0,
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

    `size` is the image's (height, width), and `coverage` one of the calibration's levels.
    """
    boxes, lateral = prediction.boxes, facts.view in LATERAL
    width = heart_width(boxes["heart"], facts) if "heart" in boxes else None
    usable = width is None or WIDTHS[0] <= width.mm <= WIDTHS[1]
    answer = Answer(
        size,
        prediction,
        facts,
        ratio=None if lateral else cardiothoracic_ratio(boxes),
        width=width if usable and not lateral else None,
        implausible=None if usable or width is None else width.mm,
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
        low, high = calibration.ratio_interval(answer.ratio, spread, level)
        interval = max(0.0, low), min(high, max(1.0, answer.ratio))  # a heart lies within a thorax
    outer, inner = (
        {
            label: clip(bound(boxes[label], spread, label, level), answer.size)
            for label, spread in known.items()
        }
        for bound in (calibration.outer, calibration.inner)
    )
    certain = {label: box for label, box in inner.items() if bool((box[2:] > box[:2]).all())}
    return replace(answer, outer=outer, inner=certain, coverage=level, ratio_interval=interval)
