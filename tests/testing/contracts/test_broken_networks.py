"""Each clause of the contracts of backbones and heads is told to an author who breaks it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import hdf
from hdf.testing import (
    check_backbone,
    check_head,
)


@pytest.fixture(autouse=True)
def _weights() -> None:
    torch.manual_seed(0)


class Backbone(nn.Module):
    """One convolution; the base of the broken ones."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, stride=4, padding=1)
        self.channels: Any = (4,)
        self.strides: Any = (4,)

    def forward(self, images: Tensor) -> Any:
        return [self.change(self.conv(images))]

    def change(self, found: Tensor) -> Any:
        return found


class NoTuple(Backbone):
    def __init__(self) -> None:
        super().__init__()
        self.strides = 4


class NoList(Backbone):
    def forward(self, images: Tensor) -> Any:
        return self.conv(images)


class OtherShape(Backbone):
    def __init__(self) -> None:
        super().__init__()
        self.strides = (8,)


class Detached(Backbone):
    def change(self, found: Tensor) -> Any:
        return found.detach() + self.conv.bias.sum()


class OtherDevice(Backbone):
    def __init__(self) -> None:
        super().__init__()
        self.factor = torch.ones(4, 1, 1)

    def change(self, found: Tensor) -> Any:
        return found * self.factor


class Infinite(Backbone):
    def change(self, found: Tensor) -> Any:
        return found / 0


class Numpy(Backbone):
    def change(self, found: Tensor) -> Any:
        return found * (1 + np.random.rand())  # noqa: NPY002


class Noisy(Backbone):
    def change(self, found: Tensor) -> Any:
        return found + torch.rand_like(found)


class OfTheBatch(Backbone):
    def change(self, found: Tensor) -> Any:
        return found - found.mean()


class InPlace(Backbone):
    def forward(self, images: Tensor) -> Any:
        return super().forward(images.sub_(1))


class Measuring(Backbone):
    """Looks at a value where there is one, as exported graphs can't."""

    def change(self, found: Tensor) -> Any:
        return found if found.is_meta or found.isfinite().all() else found.nan_to_num()


class TwiceStaged(Backbone):
    def stages(self) -> list[nn.Module]:
        return [self.conv, self.conv]


class Raising(Backbone):
    def change(self, found: Tensor) -> Any:
        raise KeyError("layer")


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (NoTuple, "strides is 4, expected a tuple"),
        (NoList, "forward gives a Tensor .*, expected a list of feature maps"),
        (OtherShape, r"forward gives map 0 as \[2, 4, 18, 26\], expected about \[2, 4, 9, 13\]"),
        (Detached, r"conv\.weight gets no gradient.*use it in forward without detach"),
        (OtherDevice, "on another device than the CPU it would fail. Keep tensors in .* buffers"),
        (Infinite, "map 0 holds NaN or infinite values"),
        (Numpy, r"draws from the generator of numpy\.random.*draw from torch"),
        (Noisy, "two calls in evaluation mode differ"),
        (OfTheBatch, "depend on the other images of its batch"),
        (InPlace, "changes its input; work on a copy"),
        (Measuring, r"torch.export can't follow it(.|\n)*export=False"),
        (TwiceStaged, r"lies in two of its stages\(\)"),
        (Raising, "backbone Raising: forward fails: KeyError: 'layer'"),
    ],
)
def test_backbones(broken: type[Backbone], message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check_backbone(broken())


def test_a_backbone_in_order() -> None:
    check_backbone(Backbone())


def test_a_backbone_that_need_not_be_exported() -> None:
    check_backbone(Measuring(), export=False)
    with pytest.raises(AssertionError, match=r"torch\.export can't follow it"):
        check_backbone(Measuring())


class Head(nn.Module):
    """Edges as shares of the image; the base of the broken ones."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(8, 8)
        self.register_buffer("mean", torch.tensor(0.0))

    def forward(self, features: list[Tensor]) -> Any:
        return self.linear(features[-1].mean((2, 3))).unflatten(1, (2, 4)) + self.mean

    def fit(self, targets: hdf.Targets, size: tuple[int, int]) -> None:
        self.mean.fill_(0.1)  # type: ignore[operator]

    def loss(self, raw: Tensor, batch: hdf.Batch) -> Any:
        height, width = batch.images.shape[-2:]
        boxes, present = batch.targets.one_per_label(2)
        errors = (self.answers(raw, (height, width))[0] - boxes).abs().mean(-1)
        return {"l1": (errors * present).sum() / self.count(present)}

    def count(self, present: Tensor) -> Any:
        return present.sum().clamp(min=1)

    def answers(self, raw: Tensor, size: tuple[int, int]) -> Any:
        sides = raw.new_tensor([size[1], size[0]])
        low = 0.5 * raw[..., :2].sigmoid()
        boxes = torch.cat([low, low + 0.5 * raw[..., 2:].sigmoid()], -1) * sides.tile(2)
        return boxes, torch.ones_like(boxes[..., 0]), None

    def decode(self, raw: Tensor, size: tuple[int, int]) -> Any:
        boxes, scores, _ = self.answers(raw, size)
        return [hdf.Detections.one_a_label(*one, None) for one in zip(boxes, scores, strict=True)]


class DividingByNone(Head):
    def count(self, present: Tensor) -> Any:
        return present.sum()


class Climbing(Head):
    def loss(self, raw: Tensor, batch: hdf.Batch) -> Any:
        l1 = super().loss(raw, batch)["l1"]
        return {"l1": 2 * l1.detach() - l1}


class Unnamed(Head):
    def loss(self, raw: Tensor, batch: hdf.Batch) -> Any:
        return super().loss(raw, batch)["l1"]


class Outside(Head):
    def decode(self, raw: Tensor, size: tuple[int, int]) -> Any:
        return super().decode(raw, (2 * size[0], 2 * size[1]))


class Sure(Head):
    def decode(self, raw: Tensor, size: tuple[int, int]) -> Any:
        found = super().decode(raw, size)
        return [hdf.Detections(item.boxes, item.labels, item.scores * 100) for item in found]


class Swapped(Head):
    def answers(self, raw: Tensor, size: tuple[int, int]) -> Any:
        boxes, scores, spread = super().answers(raw, size)
        return boxes[..., [2, 3, 0, 1]], scores, spread


class Disagreeing(Head):
    def answers(self, raw: Tensor, size: tuple[int, int]) -> Any:
        return super().answers(raw, (40, 40))

    def decode(self, raw: Tensor, size: tuple[int, int]) -> Any:
        boxes, scores, _ = super().answers(raw, size)
        return [hdf.Detections.one_a_label(*one, None) for one in zip(boxes, scores, strict=True)]


class Forgetful(Head):
    shift = 0.0

    def fit(self, targets: hdf.Targets, size: tuple[int, int]) -> None:
        self.shift = 0.3

    def forward(self, features: list[Tensor]) -> Any:
        return super().forward(features) + self.shift


class FittingWeights(Head):
    @torch.no_grad()
    def fit(self, targets: hdf.Targets, size: tuple[int, int]) -> None:
        self.linear.bias.fill_(1)


class Unexportable(Head):
    answers: Any = property()  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (DividingByNone, "the loss 'l1' for images without any box holds NaN"),
        (Climbing, "each must fall as boxes improve"),
        (Unnamed, "loss gives a Tensor.*, expected a dict of named terms"),
        (Outside, r"boxes outside of the image of 72 x 88.*hdf\.boxes\.clip"),
        (Sure, "scores .*, expected 0 to 1"),
        (Swapped, "edges are swapped"),
        (Disagreeing, "answers and decode disagree"),
        (Forgetful, "let fit fill buffers that the constructor registered"),
        (FittingWeights, r"fit changes the parameter linear\.bias"),
        (Unexportable, r"no method answers\(raw, size\).*export=False"),
    ],
)
def test_heads(broken: type[Head], message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check_head(broken())


def test_a_head_in_order() -> None:
    check_head(Head())


def test_a_name_that_nobody_registered() -> None:
    with pytest.raises(AssertionError, match="no backbone is called 'vgg61'; did you mean"):
        check_backbone("vgg61")


def test_options_that_a_component_does_not_take() -> None:
    with pytest.raises(AssertionError, match=r"vgg11.*does not take these options"):
        check_backbone("vgg11", options={"depth": 3})
