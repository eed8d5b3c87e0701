"""Overlays show intervals as bands, and stay readable whatever the size of the film."""

from __future__ import annotations

import numpy as np
import torch
from PIL import ImageColor

from hdf.drawing.colours import COLOURS
from hdf.inference.answer import Answer
from hdf.inference.overlay import SMALLEST_SIDE, draw_overlay
from hdf.inference.predictor import Prediction
from hdf.types import Detections, ImageFacts

BOX = torch.tensor([100.0, 100, 300, 300])


def answer(side: int = 512, calibrated: bool = True) -> Answer:
    box = BOX * side / 512
    found = Detections(box[None], torch.zeros(1).long(), torch.ones(1))
    outer, inner = box.clone(), box.clone()
    outer[:2], inner[:2] = box[:2] - 20, box[:2] + 20
    outer[2:], inner[2:] = box[2:] + 20, box[2:] - 20
    known = {"outer": {"heart": outer}, "inner": {"heart": inner}, "coverage": 0.9}
    prediction = Prediction(found, 0.0, ("heart",))
    return Answer((side, side), prediction, ImageFacts(), **(known if calibrated else {}))  # type: ignore[arg-type]


def test_the_interval_is_a_band_around_the_box() -> None:
    image = torch.full((1, 512, 512), 0.5)
    plain, calibrated = (
        np.asarray(draw_overlay(image, answer(calibrated=known), "a"))[:512]
        for known in (False, True)
    )
    changed = (plain != calibrated).any(-1)
    rows = [90, 110, 150, 290, 310]
    assert changed[200, rows].tolist() == [True, True, False, True, True]
    assert not changed[200, [70, 200, 330]].any()
    line = np.asarray(ImageColor.getrgb(COLOURS[0]))
    assert (calibrated[200, 100] == line).all() and (plain[200, 100] == line).all()
    shade = calibrated[200, 90].astype(int) - plain[200, 90]
    assert np.abs(shade).max() > 20  # visible, and the film is still seen through it
    assert np.abs(calibrated[200, 90].astype(int) - line).max() > 20


def test_text_and_lines_keep_their_share_of_the_picture() -> None:
    small, large = (
        draw_overlay(torch.rand(1, side, side), answer(side), "a") for side in (SMALLEST_SIDE, 2000)
    )
    feet = [picture.height - picture.width for picture in (small, large)]
    assert feet[1] / large.width > 0.7 * feet[0] / small.width


def test_the_name_is_on_the_picture() -> None:
    one, two = (np.asarray(draw_overlay(torch.zeros(1, 512, 512), answer(), name)) for name in "ab")
    assert (one[:512] == two[:512]).all()
    assert (one != two).any()
