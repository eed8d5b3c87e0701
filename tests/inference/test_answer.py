"""What is said of a radiograph follows from what its file states, and stays within reason."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from hdf.inference.answer import Answer, make_answer
from hdf.inference.predictor import Prediction
from hdf.models.calibration import Calibration
from hdf.types import Detections, ImageFacts

LABELS = ("heart", "left_lung", "right_lung")
BOXES = torch.tensor([[40.0, 50, 90, 90], [10, 10, 55, 95], [60, 10, 115, 95]])
SIZE = (100, 120)


def answer(calibration: Calibration | None = None, spread: float = 2.0, **facts: Any) -> Answer:
    spreads = torch.full((3, 4), spread)
    found = Detections(BOXES, torch.arange(3), torch.ones(3), spreads)
    prediction = Prediction(found, 0.0, LABELS)
    return make_answer(prediction, SIZE, ImageFacts(**facts), calibration, 0.9)


@pytest.mark.parametrize("view", ["LL", "RL", "LATERAL"])
def test_a_lateral_view_has_no_ratio_and_no_width(view: str) -> None:
    lateral = answer(view=view, pixel_spacing=(2.0, 2.0))
    assert (lateral.ratio, lateral.width) == (None, None)
    assert lateral.warnings == [f"the file states the view {view}: no frontal one"]
    assert answer(view="PA").ratio == pytest.approx(50 / 105)


@pytest.mark.parametrize(
    ("facts", "warning"),
    [
        ({"modality": "CT"}, "the file states the modality CT: no radiograph"),
        ({"body_part": "HAND"}, "the file states the body part HAND: no chest"),
        ({"modality": "DX", "body_part": "CHEST"}, None),
        ({"body_part": "PORT CHEST"}, None),
        ({"body_part": "WHOLE BODY"}, None),
    ],
)
def test_what_is_stated_to_be_no_chest_radiograph_is_warned_of(
    facts: dict[str, str], warning: str | None
) -> None:
    assert answer(**facts).warnings == ([warning] if warning else [])


@pytest.mark.parametrize(("spacing", "mm"), [(1.3, 65), (7.8, 390), (2.8, None)])
def test_a_spacing_that_makes_an_impossible_heart_is_not_used(
    spacing: float, mm: int | None
) -> None:
    found = answer(pixel_spacing=(spacing, spacing), spacing_at="unknown")
    if mm is None:
        assert found.width is not None and found.warnings == []
    else:
        assert found.width is None
        assert found.warnings == [
            f"the stated pixel spacing makes the heart {mm} mm wide: it is not used"
        ]


def test_intervals_stay_within_the_image_and_within_reason() -> None:
    quantiles = dict.fromkeys(LABELS, (3.0,))
    calibration = Calibration((0.9,), quantiles, (30.0,), {})
    near = answer(calibration)
    assert near.inner["heart"].tolist() == [46, 56, 84, 84]
    assert near.outer["right_lung"].tolist() == [54, 4, 120, 100]
    assert near.ratio_interval == (0.0, 1.0)
    far = answer(calibration, spread=8.0)  # the inner edges of the heart would cross
    assert "heart" not in far.inner
    assert far.outer["heart"].tolist() == [16, 26, 114, 100]
