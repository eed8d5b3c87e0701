"""What a head finds: boxes that are boxes, and one answer in both forms."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from hdf.models.dry_run import IMAGES, check_detections
from hdf.testing.contract import assert_same
from hdf.types import Detections

ROUNDING = 1e-3
"""Pixels by which a box may reach outside its image."""


def check_decoding(title: str, found: Any, labels: int, image_size: tuple[int, int]) -> None:
    """Valid boxes inside the image, scores, labels and spreads.

    Raises:
        AssertionError, Mismatch: something else was found.
    """
    check_detections(found, labels)
    height, width = image_size
    for item in found:
        for name, value in {"boxes": item.boxes, "scores": item.scores}.items():
            assert value.dtype == torch.float32, (
                f"{title}: decode gives {name} as {value.dtype}, expected torch.float32"
            )
        assert item.labels.dtype == torch.int64, (
            f"{title}: decode gives labels as {item.labels.dtype}, expected torch.int64"
        )
        shown = item.boxes.tolist()
        assert bool(item.boxes.isfinite().all()), (
            f"{title}: decode gives boxes that are not finite: {shown}; leave such labels out"
        )
        assert bool((item.boxes[:, :2] <= item.boxes[:, 2:]).all()), (
            f"{title}: decode gives boxes whose edges are swapped: {shown}; expected x0 <= x1 and "
            "y0 <= y1"
        )
        limit = torch.tensor([width, height, width, height]) + ROUNDING
        assert bool(((item.boxes >= -ROUNDING) & (item.boxes <= limit)).all()), (
            f"{title}: decode gives boxes outside of the image of {height} x {width} (height x "
            f"width): {shown}; cut them with hdf.boxes.clip(boxes, size)"
        )
        assert bool(((item.scores >= 0) & (item.scores <= 1)).all()), (
            f"{title}: decode gives scores {item.scores.tolist()}, expected 0 to 1"
        )
        _check_spread(title, item)


def _check_spread(title: str, item: Detections) -> None:
    if item.spread is None:
        return
    assert item.spread.shape == item.boxes.shape and item.spread.dtype == torch.float32, (
        f"{title}: decode gives a spread {item.spread.dtype} {list(item.spread.shape)}, expected "
        f"torch.float32 {list(item.boxes.shape)}: one standard deviation for each edge"
    )
    assert bool((item.spread.isfinite() & (item.spread >= 0)).all()), (
        f"{title}: decode gives spreads {item.spread.tolist()}, expected pixels, at least 0"
    )


def check_answers(title: str, answers: Any, found: list[Detections], labels: int) -> None:
    """Tensors of fixed shapes that say what ``decode`` says.

    Raises:
        AssertionError: they say something else.
    """
    expected = f"{title}: answers gives {{}}, expected boxes [{IMAGES}, {labels}, 4], scores "
    expected += f"[{IMAGES}, {labels}] and a spread [{IMAGES}, {labels}, 4] or None"
    assert isinstance(answers, tuple) and len(answers) == 3, expected.format(type(answers).__name__)
    boxes, scores, spread = answers
    shapes = [None if item is None else list(item.shape) for item in answers]
    assert boxes.shape == (IMAGES, labels, 4) and scores.shape == (IMAGES, labels), expected.format(
        shapes
    )
    assert spread is None or spread.shape == boxes.shape, expected.format(shapes)
    message = f"{title}: answers and decode disagree; build one from the other with "
    message += "hdf.Detections.one_a_label"
    spreads = [None] * IMAGES if spread is None else list(spread)
    for one, decoded in zip(zip(boxes, scores, spreads, strict=True), found, strict=True):
        said = Detections.one_a_label(*one)
        assert len(said.labels) == len(decoded.labels), message
        assert_same(_by_label(said), _by_label(decoded), message, ROUNDING)


def _by_label(item: Detections) -> list[Tensor]:
    order = item.labels.argsort()
    return [item.labels[order], item.boxes[order], item.scores[order]]
