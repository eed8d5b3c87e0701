"""The contract of heads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from hdf.models.detector import Detector, ModelSpec, exportable, uses_masks
from hdf.models.dry_run import IMAGES, check_loss
from hdf.testing.answers import check_answers, check_decoding
from hdf.testing.contract import (
    Subject,
    asking,
    assert_finite,
    assert_gradients,
    assert_same,
    subject,
)
from hdf.testing.networks import check_export, check_no_other_device
from hdf.testing.targets import batches, training_targets
from hdf.types import Backbone, Batch

STEPS, RATE = 20, 1e-3


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
    made = subject(
        *("head", head, options, seed),
        channels=channels,
        strides=strides,
        labels=labels,
        image_size=image_size,
    )
    check = _Check(made, channels, strides, labels, image_size, seed)
    check.form(export)
    check.forward_and_loss()
    check.learning()
    check.fit()
    check.decoding()
    check_no_other_device(made.title, made.make(), check.maps())
    if export:
        check_export(made.title, _Answers(check.fresh()), check.maps())


class _Check:
    """The steps of `check_head`, which share their feature maps and targets."""

    def __init__(
        self,
        made: Subject,
        channels: Sequence[int],
        strides: Sequence[int],
        labels: tuple[str, ...],
        image_size: tuple[int, int],
        seed: int,
    ) -> None:
        self.made, self.title, self.seed = made, made.title, seed
        self.channels, self.strides = channels, strides
        self.labels, self.image_size = labels, image_size
        self.images = torch.rand(IMAGES, 1, *image_size, generator=self.generator())

    def generator(self) -> torch.Generator:
        return torch.Generator().manual_seed(self.seed)

    def maps(self, *, up: bool = False, scale: float = 1.0) -> list[Tensor]:
        """Feature maps; `up` rounds their sides up, as some backbones do."""
        generator = self.generator()
        found = []
        for channels, stride in zip(self.channels, self.strides, strict=True):
            height, width = (
                -(-side // stride) if up else side // stride for side in self.image_size
            )
            drawn = torch.randn(IMAGES, channels, height, width, generator=generator)
            found.append(scale * drawn)
        return found

    def fresh(self, *, fitted: bool = True) -> Detector:
        """The head inside a detector, which hands it what it gets in a run."""
        spec = ModelSpec({"use": ""}, {"use": ""}, "image", self.labels, self.image_size, "stretch")
        detector = Detector(cast("Backbone", nn.Identity()), self.made.make(), spec)
        if fitted:
            with asking(self.title, "fit"):
                detector.fit(training_targets(len(self.labels), self.image_size, self.seed))
        return detector.eval()

    def batches(self) -> dict[str, Batch]:
        masks = uses_masks(self.made.make())
        return batches(self.images, len(self.labels), self.seed, masks=masks)

    def form(self, export: bool) -> None:
        head = self.made.make()
        assert isinstance(head, nn.Module), (
            f"{self.title} is no torch.nn.Module; derive it from one"
        )
        for name in ("loss", "decode"):
            assert callable(getattr(head, name, None)), f"{self.title} lacks the method {name}"
        assert not export or exportable(head), (
            f"{self.title} has no method answers(raw, size), so hdf export refuses it; add one, or "
            "give export=False"
        )

    def forward_and_loss(self) -> None:
        """Of maps of both roundings, in both precisions, and of all kinds of targets."""
        detector = self.fresh()
        for up in (False, True):
            with torch.no_grad(), asking(self.title, "forward"):
                raw, again = (detector.run_head(self.maps(up=up)) for _ in range(2))
                with torch.autocast("cpu", dtype=torch.bfloat16):
                    lower = detector.run_head(self.maps(up=up))
            message = f"{self.title}: two calls in evaluation mode differ; draw in training only"
            assert_same(again, raw, message)
            for name, batch in self.batches().items():
                self._loss(detector, raw, batch, f"for {name}")
                self._loss(detector, lower, batch, f"for {name}, under bfloat16 autocast")

    def _loss(self, detector: Detector, raw: Any, batch: Batch, what: str) -> Tensor:
        with asking(self.title, "loss"):
            terms = detector.loss(raw, batch)
            check_loss(terms)
        for name, term in terms.items():
            assert_finite(self.title, f"the loss {name!r} {what}", term)
        return torch.stack(list(terms.values())).sum()

    def learning(self) -> None:
        """Gradients are there and finite, also where there is nothing to learn from; they help."""
        for name, batch in self.batches().items():
            detector = self.fresh().train()
            total = self._loss(detector, detector.run_head(self.maps()), batch, f"for {name}")
            if total.requires_grad:
                with asking(self.title, "backward"):
                    total.backward()  # type: ignore[no-untyped-call]
            for parameter, value in detector.head.named_parameters():
                if value.grad is not None:
                    assert_finite(
                        self.title, f"for {name}, the gradient of {parameter}", value.grad
                    )
            if name == "every label":
                assert_gradients(self.title, detector.head)
        self._falls()

    def _falls(self) -> None:
        batch = self.batches()["every label"]
        detector, maps = self.fresh(), self.maps()
        learning = [item for item in detector.head.parameters() if item.requires_grad]
        if not learning:
            return
        optimizer = torch.optim.Adam(learning, lr=RATE)
        totals = []
        for _ in range(STEPS):
            totals.append(self._loss(detector, detector.run_head(maps), batch, "in training"))
            optimizer.zero_grad()
            totals[-1].backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        first, last = (float(total.detach()) for total in (totals[0], totals[-1]))
        assert last < first, (
            f"{self.title}: {STEPS} steps of Adam on two images bring the loss from {first:.6g} to "
            f"{last:.6g}; hdf minimises the sum of the terms, so each must fall as boxes improve"
        )

    def fit(self) -> None:
        """A new head with the fitted one's state answers as that one."""
        fitted, other = self.fresh(), self.fresh(fitted=False)
        plain = dict(other.head.named_parameters())
        for name, value in fitted.head.named_parameters():
            message = (
                f"{self.title}: fit changes the parameter {name}; store what it measures in a "
            )
            assert_same(value, plain[name], message + "buffer, which training leaves alone")
        with asking(self.title, "load_state_dict"):
            other.load_state_dict(fitted.state_dict())
        with torch.inference_mode():
            found, expected = (
                [vars_of(item) for item in one.decode(one.run_head(self.maps()))]
                for one in (other, fitted)
            )
        message = (
            f"{self.title}: a copy with the same state_dict answers differently, so a model file "
            "would not restore it; let fit fill buffers that the constructor registered"
        )
        assert_same(found, expected, message)

    def decoding(self) -> None:
        for fitted in (True, False):
            detector = self.fresh(fitted=fitted)
            for scale in (1.0, 0.0, 1e4):
                with torch.inference_mode():
                    raw = detector.run_head(self.maps(scale=scale))
                    with asking(self.title, "decode"):
                        found = detector.decode(raw)
                    check_decoding(self.title, found, len(self.labels), self.image_size)
                    if exportable(detector.head):
                        with asking(self.title, "answers"):
                            answers = detector.answers(raw)
                        check_answers(self.title, answers, found, len(self.labels))


def vars_of(found: Any) -> list[Tensor]:
    """The tensors of one `Detections`."""
    known = [found.boxes, found.labels, found.scores]
    return known if found.spread is None else [*known, found.spread]


class _Answers(nn.Module):
    """From feature maps to what ``answers`` gives, as in an exported graph."""

    def __init__(self, detector: Detector) -> None:
        super().__init__()
        self.detector = detector

    def forward(self, maps: list[Tensor]) -> tuple[Tensor, Tensor, Tensor | None]:
        return self.detector.answers(self.detector.run_head(maps))
