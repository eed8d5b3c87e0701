"""One box per label by fully connected regression."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import log

import torch
from torch import Tensor, nn

from hdf.boxes import clip, from_center_size, to_center_size
from hdf.errors import user_error
from hdf.types import Batch, Targets
from hdf_plugins.heads.answers import Answers, OneBoxPerLabel
from hdf_plugins.heads.losses import BOX_LOSSES, CODE_LOSSES, LossName, masked_mean

LARGEST_POOL = 7
SMALLEST_SPREAD = 0.01
SMALLEST_SIDE = 1e-3  # of the image; a crop may leave too little of a box for a logarithm
LARGEST_SIDE = 4.0


class BoxRegression(OneBoxPerLabel):
    """Fully connected layers that predict exactly one box for every label.

    A box is predicted as its code (centre x / W, centre y / H, log(width / W), log(height / H)),
    standardised by the mean and standard deviation of its label's training boxes. Zeros stand for
    the mean box, where training starts, and opposite edges can't be swapped. Of the backbone's maps
    the last is used.

    The head never says that a label is absent: every score is 1.

    Args:
        hidden: the widths of the fully connected layers before the last.
        dropout: the dropout probability after each hidden layer.
        loss: ``mse`` and ``smooth_l1`` compare standardised codes, ``giou`` and ``ciou`` boxes.
        pool: (rows, columns) that the map is averaged to; the map's own size, at most 7 x 7, by
            default.

    Raises:
        ValueError: an option is out of range, or the images are smaller than one map pixel.
    """

    mean: Tensor
    spread: Tensor

    def __init__(
        self,
        channels: tuple[int, ...],
        strides: tuple[int, ...],
        labels: tuple[str, ...],
        image_size: tuple[int, int],
        *,
        hidden: tuple[int, ...] = (512, 128),
        dropout: float = 0.0,
        loss: LossName = "mse",
        pool: tuple[int, int] | None = None,
    ) -> None:
        super().__init__()
        if any(width < 1 for width in hidden):
            raise ValueError(f"hidden holds the widths of layers, each at least 1, not {hidden}")
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout is a probability from 0 to below 1, not {dropout}")
        if pool is not None and min(pool) < 1:
            raise ValueError(f"pool is (rows, columns), each at least 1, not {pool}")
        self.labels = labels
        self.loss_name = loss
        rows, columns = pool or _map_size(image_size, strides[-1])
        self.pool = nn.AdaptiveAvgPool2d((rows, columns))
        widths = (channels[-1] * rows * columns, *hidden)
        self.layers = _fully_connected(widths, 4 * len(labels), dropout)
        whole_image = torch.tensor([0.5, 0.5, 0.0, 0.0])
        self.register_buffer("mean", whole_image.repeat(len(labels), 1))
        self.register_buffer("spread", torch.ones(len(labels), 4))

    @torch.no_grad()
    def fit(self, targets: Targets, size: tuple[int, int]) -> None:
        """Measure the mean and standard deviation of each label's training boxes.

        Args:
            targets: the training set's boxes in pixels of images of `size`, (height, width).

        Raises:
            hdf.UserError: a label has no box at all.
        """
        boxes, present = targets.one_per_label(len(self.labels))
        for i, label in enumerate(self.labels):
            if not present[:, i].any():
                raise user_error(f"no training image has a box of label {label!r} to learn from")
            code = encode(boxes[present[:, i], i], size)
            self.mean[i] = code.mean(0)
            self.spread[i] = code.std(0, correction=0).clamp(min=SMALLEST_SPREAD)

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Feature maps [B, C, h, w] to standardised codes [B, L, 4] of the boxes of L labels."""
        code: Tensor = self.layers(self.pool(features[-1]).flatten(1))
        return code.reshape(-1, len(self.labels), 4)

    def loss(self, raw: Tensor, batch: Batch) -> dict[str, Tensor]:
        """The mean loss over the boxes that are present, under the loss's name."""
        size = (batch.images.shape[-2], batch.images.shape[-1])
        boxes, present = batch.targets.one_per_label(len(self.labels))
        target = (encode(boxes, size) - self.mean) / self.spread
        if self.loss_name in CODE_LOSSES:
            losses = CODE_LOSSES[self.loss_name](raw, target)
        else:
            found, true = self._boxes(raw, size), self._boxes(target, size)
            losses = BOX_LOSSES[self.loss_name](found, true)
        return {self.loss_name: masked_mean(losses, present)}

    def answers(self, raw: Tensor, size: tuple[int, int]) -> Answers:
        """Boxes [B, L, 4], clipped to the image; scores [B, L], every one 1; no spread."""
        boxes = clip(self._boxes(raw.float(), size), size)
        return boxes, torch.ones_like(boxes[..., 0]), None

    def _boxes(self, raw: Tensor, size: tuple[int, int]) -> Tensor:
        """Standardised codes [B, L, 4] to boxes [B, L, 4] in pixels, not clipped to the image."""
        return decode(raw * self.spread + self.mean, size)


def _map_size(image_size: tuple[int, int], stride: int) -> tuple[int, int]:
    rows, columns = (min(side // stride, LARGEST_POOL) for side in image_size)
    if not rows or not columns:
        raise ValueError(
            f"images of {image_size[0]} x {image_size[1]} pixels are smaller than one pixel of the "
            f"backbone's last map: take data.image_size of at least {stride} x {stride}"
        )
    return rows, columns


def _fully_connected(widths: tuple[int, ...], outputs: int, dropout: float) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inputs, width in pairwise(widths):
        layers += [nn.Linear(inputs, width), nn.ReLU(inplace=True), nn.Dropout(dropout)]
    last = nn.Linear(widths[-1], outputs)
    nn.init.normal_(last.weight, std=1e-3)
    nn.init.zeros_(last.bias)
    return nn.Sequential(*layers, last)


def encode(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Boxes float [..., 4] to (centre x / W, centre y / H, log(width / W), log(height / H)).

    They are in pixels of an image of `size`, (height, width); sides below a thousandth of it count
    as a thousandth.
    """
    fractions = to_center_size(boxes) / _scale(boxes, size)
    return torch.cat([fractions[..., :2], fractions[..., 2:].clamp(min=SMALLEST_SIDE).log()], -1)


def decode(code: Tensor, size: tuple[int, int]) -> Tensor:
    """The inverse of `encode`: boxes float [..., 4], always ordered, not clipped to the image."""
    sides = code[..., 2:].clamp(log(SMALLEST_SIDE), log(LARGEST_SIDE)).exp()
    return from_center_size(torch.cat([code[..., :2], sides], -1) * _scale(code, size))


def _scale(like: Tensor, size: tuple[int, int]) -> Tensor:
    height, width = size
    return like.new_tensor([width, height, width, height])
