"""The contract of heads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn

from hdf.models.detector import Detector, ModelSpec, exportable, uses_masks
from hdf.models.dry_run import IMAGES, check_detections, check_loss
from hdf.testing.contract import (
    Subject,
    asking,
    assert_finite,
    assert_gradients,
    assert_same,
    check_export,
    check_no_other_device,
    subject,
)
from hdf.testing.painting import batches, training_targets
from hdf.types import Backbone, Batch, Detections

STEPS, RATE = 20, 1e-3
ROUNDING = 1e-3
"""Pixels by which a box may reach outside its image."""


def check_head(
    head: nn.Module | str,
    *,
    options: Mapping[str, Any] | None = None,
    channels: tuple[int, ...] = (4, 8, 8),
    strides: tuple[int, ...] = (4, 8, 16),
    labels: tuple[str, ...] = ("heart", "left_lung"),
    image_size: tuple[int, int] = (72, 88),
    export: bool = True,
    seed: int = 0,
) -> None:
    """Hold a head to all that hdf asks of one.

    Its loss is finite whatever labels and masks an image lacks, reaches every parameter, and falls
    when it is minimised; its boxes are valid and inside the image, even for absurd feature maps;
    results repeat; bfloat16 is no obstacle; what ``fit`` measures travels in the model file;
    ``answers`` says what ``decode`` says, and `torch.export` follows it.

    Args:
        head: the module, made for the following arguments, or the name of a registered one, which
            is built as for a recipe.
        options: of a registered one; keep it narrow, and the check quick.
        channels: of each feature map that the check makes.
        strides: image pixels for each pixel of each map.
        labels: what to find.
        image_size: (height, width).
        export: False for a head that can't be exported: one without ``answers``.
        seed: of weights, feature maps and boxes.

    Raises:
        AssertionError: saying what is wrong and what to do.
    """
    supplied: dict[str, Any] = {"channels": channels, "strides": strides}
    supplied |= {"labels": labels, "image_size": image_size}
    with subject("head", head, options, seed, **supplied) as made:
        check = _Check(made, channels, strides, labels, image_size, seed)
        check.form(export)
        check.forward_and_loss()
        check.learning()
        check.fit()
        check.decoding()
        check_no_other_device(made.make(), check.maps())
        if export:
            check_export(_Answers(check.fresh()), check.maps())


@dataclass(frozen=True)
class _Check:
    """The steps of `check_head`, which share their feature maps and targets."""

    made: Subject
    channels: tuple[int, ...]
    strides: tuple[int, ...]
    labels: tuple[str, ...]
    image_size: tuple[int, int]
    seed: int

    def maps(self, *, up: bool = False, scale: float = 1.0) -> list[Tensor]:
        """Feature maps; `up` rounds their sides up, as some backbones do."""
        generator = torch.Generator().manual_seed(self.seed)
        maps = []
        for channels, stride in zip(self.channels, self.strides, strict=True):
            size = [(side + up * (stride - 1)) // stride for side in self.image_size]
            maps.append(scale * torch.randn(IMAGES, channels, *size, generator=generator))
        return maps

    def fresh(self, *, fitted: bool = True) -> Detector:
        """The head inside a detector, which hands it what it gets in a run."""
        spec = ModelSpec({"use": ""}, {"use": ""}, "image", self.labels, self.image_size, "stretch")
        detector = Detector(cast("Backbone", nn.Identity()), self.made.make(), spec)
        if fitted:
            with asking("fit"):
                detector.fit(training_targets(len(self.labels), self.image_size, self.seed))
        return detector.eval()

    def batches(self) -> dict[str, Batch]:
        generator = torch.Generator().manual_seed(self.seed)
        images = torch.rand(IMAGES, 1, *self.image_size, generator=generator)
        return batches(images, len(self.labels), self.seed, masks=uses_masks(self.made.make()))

    def form(self, export: bool) -> None:
        head = self.made.make()
        assert isinstance(head, nn.Module), "it is no torch.nn.Module; derive it from one"
        for name in ("loss", "decode"):
            assert callable(getattr(head, name, None)), f"it lacks the method {name}"
        assert not export or exportable(head), (
            "it has no method answers(raw, size), so hdf export refuses it; add one, or give "
            "export=False"
        )

    def forward_and_loss(self) -> None:
        """Of maps of both roundings, in both precisions, and of all kinds of targets."""
        detector = self.fresh()
        for up in (False, True):
            with torch.no_grad(), asking("forward"):
                raw, again = (detector.run_head(self.maps(up=up)) for _ in range(2))
                with torch.autocast("cpu", dtype=torch.bfloat16):
                    lower = detector.run_head(self.maps(up=up))
            assert_same(again, raw, "two calls in evaluation mode differ; draw in training only")
            for name, batch in self.batches().items():
                _loss(detector, raw, batch, f"for {name}")
                _loss(detector, lower, batch, f"for {name}, under bfloat16 autocast")

    def learning(self) -> None:
        """Gradients are there and finite, also where there is nothing to learn from; they help."""
        for name, batch in self.batches().items():
            detector = self.fresh().train()
            total = _loss(detector, detector.run_head(self.maps()), batch, f"for {name}")
            if total.requires_grad:
                with asking("backward"):
                    total.backward()  # type: ignore[no-untyped-call]
            for parameter, value in detector.head.named_parameters():
                if value.grad is not None:
                    assert_finite(f"for {name}, the gradient of {parameter}", value.grad)
            if name == "every label":
                assert_gradients(detector.head)
        self._falls()

    def _falls(self) -> None:
        batch, detector, maps = self.batches()["every label"], self.fresh(), self.maps()
        learning = [item for item in detector.head.parameters() if item.requires_grad]
        if not learning:
            return
        optimizer = torch.optim.Adam(learning, lr=RATE)
        totals = []
        for _ in range(STEPS):
            total = _loss(detector, detector.run_head(maps), batch, "in training")
            totals.append(float(total.detach()))
            optimizer.zero_grad()
            total.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        assert totals[-1] < totals[0], (
            f"{STEPS} steps of Adam on two images bring the loss from {totals[0]:.6g} to "
            f"{totals[-1]:.6g}; hdf minimises the sum of the terms, so each must fall as boxes "
            "improve"
        )

    def fit(self) -> None:
        """A new head with the fitted one's state answers as that one."""
        fitted, other = self.fresh(), self.fresh(fitted=False)
        plain = dict(other.head.named_parameters())
        for name, value in fitted.head.named_parameters():
            message = f"fit changes the parameter {name}; store what it measures in a buffer, which"
            assert_same(value, plain[name], f"{message} training leaves alone")
        with asking("load_state_dict"):
            other.load_state_dict(fitted.state_dict())
        with torch.inference_mode():
            found, expected = (
                [[item.boxes, item.labels, item.scores, item.spread] for item in decoded]
                for decoded in (one.decode(one.run_head(self.maps())) for one in (other, fitted))
            )
        message = (
            "a copy with the same state_dict answers differently, so a model file would not "
            "restore it; let fit fill buffers that the constructor registered"
        )
        assert_same(found, expected, message)

    def decoding(self) -> None:
        for fitted in (True, False):
            detector = self.fresh(fitted=fitted)
            for scale in (1.0, 0.0, 1e4):
                with torch.inference_mode():
                    raw = detector.run_head(self.maps(scale=scale))
                    with asking("decode"):
                        found = detector.decode(raw)
                        check_detections(found, len(self.labels))
                    for item in found:
                        _check_detections(item, *self.image_size)
                    if exportable(detector.head):
                        with asking("answers"):
                            answers = detector.answers(raw)
                        _check_answers(answers, found, len(self.labels))


def _loss(detector: Detector, raw: Any, batch: Batch, what: str) -> Tensor:
    with asking("loss"):
        terms = detector.loss(raw, batch)
        check_loss(terms)
    for name, term in terms.items():
        assert_finite(f"the loss {name!r} {what}", term)
    return torch.stack(list(terms.values())).sum()


def _check_detections(item: Detections, height: int, width: int) -> None:
    dtypes = {"boxes": torch.float32, "scores": torch.float32, "labels": torch.int64}
    for name, expected in dtypes.items():
        found = getattr(item, name).dtype
        assert found == expected, f"decode gives {name} as {found}, expected {expected}"
    shown = item.boxes.tolist()
    assert bool(item.boxes.isfinite().all()), (
        f"decode gives boxes that are not finite: {shown}; leave such labels out"
    )
    assert bool((item.boxes[:, :2] <= item.boxes[:, 2:]).all()), (
        f"decode gives boxes whose edges are swapped: {shown}; expected x0 <= x1 and y0 <= y1"
    )
    limit = torch.tensor([width, height, width, height]) + ROUNDING
    assert bool(((item.boxes >= -ROUNDING) & (item.boxes <= limit)).all()), (
        f"decode gives boxes outside of the image of {height} x {width} (height x width): {shown}; "
        "cut them with hdf.boxes.clip(boxes, size)"
    )
    assert bool(((item.scores >= 0) & (item.scores <= 1)).all()), (
        f"decode gives scores {item.scores.tolist()}, expected 0 to 1"
    )
    spread = item.spread
    if spread is not None:
        assert spread.shape == item.boxes.shape and spread.dtype == torch.float32, (
            f"decode gives a spread {spread.dtype} {list(spread.shape)}, expected torch.float32 "
            f"{list(item.boxes.shape)}: one standard deviation for each edge"
        )
        assert bool((spread.isfinite() & (spread >= 0)).all()), (
            f"decode gives spreads {spread.tolist()}, expected pixels, at least 0"
        )


def _check_answers(answers: Any, found: list[Detections], labels: int) -> None:
    """Tensors of fixed shapes that say what ``decode`` says."""
    four, one = [IMAGES, labels, 4], [IMAGES, labels]
    expected = f"expected boxes {four}, scores {one} and a spread {four} or None"
    assert isinstance(answers, tuple) and len(answers) == 3, (
        f"answers gives {type(answers).__name__}, {expected}"
    )
    shapes = [None if item is None else list(item.shape) for item in answers]
    fits = shapes in ([four, one, four], [four, one, None])
    assert fits, f"answers gives {shapes}, {expected}"
    boxes, scores, spread = answers
    message = "answers and decode disagree; build one from the other: hdf.Detections.one_a_label"
    spreads = [None] * IMAGES if spread is None else spread
    for *answer, decoded in zip(boxes, scores, spreads, found, strict=True):
        said = Detections.one_a_label(*answer)
        assert_same(_by_label(said), _by_label(decoded), message, ROUNDING)


def _by_label(item: Detections) -> list[Tensor]:
    order = item.labels.argsort()
    return [item.labels[order], item.boxes[order], item.scores[order]]


class _Answers(nn.Module):
    """From feature maps to what ``answers`` gives, as in an exported graph."""

    def __init__(self, detector: Detector) -> None:
        super().__init__()
        self.detector = detector

    def forward(self, maps: list[Tensor]) -> tuple[Tensor, Tensor, Tensor | None]:
        return self.detector.answers(self.detector.run_head(maps))
