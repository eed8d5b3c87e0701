"""Heads that read their answers from one fine map: edges as distributions, and masks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hdf.types import Batch
from hdf_plugins.heads.answers import Answers, OneBoxPerLabel, one_each
from hdf_plugins.heads.edges import EdgePredictor, edge_losses, read_edges
from hdf_plugins.heads.losses import LossName, dice_cross_entropy, masked_mean, projection_loss
from hdf_plugins.heads.outlines import read_outlines

OUTLINE_DEVIATION = 1.5
"""The error of a mask's bounds, one standard deviation in pixels of its map."""


class DenseHead(OneBoxPerLabel):
    """Masks, edges or both, read from the one map to which a decoder reduces the pyramid.

    Args:
        stride: stride of the map that answers are read from; one of the backbone's.
        width: channels of the decoder.
        loss: compares the boxes that the edges give: ``mse`` and ``smooth_l1`` in units of a
            twentieth of the image's side, ``giou`` and ``ciou`` by overlap.
        focal: the weight of the additional distribution focal loss (Li et al., Generalized Focal
            Loss, NeurIPS 2020); 0 omits it.

    Raises:
        ValueError: an option is out of range.
    """

    def __init__(
        self,
        channels: tuple[int, ...],
        strides: tuple[int, ...],
        labels: tuple[str, ...],
        stride: int,
        width: int,
        loss: LossName,
        focal: float,
        *,
        masks: bool,
        edges: bool,
    ) -> None:
        super().__init__()
        if focal < 0:
            raise ValueError(f"focal is a weight, at least 0, not {focal}")
        self.labels, self.loss_name, self.focal = labels, loss, focal
        self.decoder = PyramidDecoder(channels, strides, stride, width)
        self.masks = nn.Conv2d(width, len(labels), kernel_size=1) if masks else None
        self.edges = EdgePredictor(width, len(labels)) if edges else None

    def forward(self, features: Sequence[Tensor]) -> dict[str, Tensor]:
        """Maps [B, C_i, h_i, w_i] to logits.

        Returns:
            ``masks`` [B, L, h, w]; of edges ``x`` [B, L, 2, w] and ``y`` [B, L, 2, h].
        """
        found = self.decoder(features)
        masks = {} if self.masks is None else {"masks": self.masks(found)}
        return masks if self.edges is None else masks | self.edges(found)

    def loss(self, raw: dict[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        """The mean losses over the masks and boxes that are present, under their names.

        Returns:
            ``masks`` if the data set has any, ``projection`` for boxes without a mask, and the
            terms of the edges.
        """
        terms: dict[str, Tensor] = {}
        size = (batch.images.shape[-2], batch.images.shape[-1])
        boxes, present = batch.targets.one_per_label(len(self.labels))
        if self.masks is not None:
            logits, boxed = raw["masks"], present
            if batch.targets.masks is not None:
                masks, known = batch.targets.masks_per_label(len(self.labels))
                shares = F.adaptive_avg_pool2d(masks.float(), (logits.shape[-2], logits.shape[-1]))
                terms["masks"] = masked_mean(dice_cross_entropy(logits, shares), known)
                boxed = present & ~known
            terms["projection"] = masked_mean(projection_loss(logits, boxes, size), boxed)
        if self.edges is not None:
            terms |= edge_losses(raw, boxes, present, size, self.loss_name, self.focal)
        return terms

    def answers(self, raw: dict[str, Tensor], size: tuple[int, int]) -> Answers:
        """Boxes [B, L, 4], scores [B, L] and spread [B, L, 4].

        Without edges, a label with an empty mask is NaN.
        """
        if self.masks is None:
            return one_each(*read_edges(raw, size), size)
        boxes, spread = read_outlines(raw["masks"].sigmoid(), size)
        if self.edges is not None:
            stride = size[1] / raw["masks"].shape[-1]
            boxes, spread = _combined(*read_edges(raw, size), boxes, stride)
        return one_each(boxes, spread, size)


class EdgeSoftargmax(DenseHead):
    """Predicts exactly one box for every label, and the uncertainty of each edge.

    A light decoder reduces the backbone's pyramid to one map; from it each of a box's four edges
    gets a distribution over the positions in the image. Its mean is the edge, its standard
    deviation the spread of that edge.

    The score is 1 for edges without spread, and falls towards 0 as the spread approaches the size
    of the box.
    """

    def __init__(
        self,
        channels: tuple[int, ...],
        strides: tuple[int, ...],
        labels: tuple[str, ...],
        *,
        stride: int = 4,
        width: int = 64,
        loss: LossName = "smooth_l1",
        focal: float = 1.0,
    ) -> None:
        shape = (channels, strides, labels, stride, width)
        super().__init__(*shape, loss, focal, masks=False, edges=True)


class Mask(DenseHead):
    """Segments every label; its box bounds the largest component of its mask.

    A light decoder reduces the backbone's pyramid to one map, from which a convolution computes one
    mask per label. Where a training image has a mask, the loss is soft Dice plus cross-entropy;
    where it has only a box, the profiles of mask and box are compared (Tian et al., BoxInst,
    CVPR 2021).

    With `edges`, the same map also gives a distribution over the position of each edge, as in
    `edge_softargmax`. On coarse maps a narrow distribution is more precise than the mask: each edge
    is the mean of both, weighted by their precision, and half of their difference adds to the
    spread. Without `edges`, a label with an empty mask is not found.

    Args:
        edges: whether to learn the distributions of the edges as well.
    """

    uses_masks: ClassVar[bool] = True

    def __init__(
        self,
        channels: tuple[int, ...],
        strides: tuple[int, ...],
        labels: tuple[str, ...],
        *,
        stride: int = 4,
        width: int = 64,
        edges: bool = True,
        loss: LossName = "smooth_l1",
        focal: float = 1.0,
    ) -> None:
        shape = (channels, strides, labels, stride, width)
        super().__init__(*shape, loss, focal, masks=True, edges=edges)


def _combined(
    edges: Tensor, deviation: Tensor, outline: Tensor, stride: float
) -> tuple[Tensor, Tensor]:
    """The mean of both estimates of the edges, weighted by their precision, and its spread.

    Of an empty mask, whose outline is NaN, only the edges are used.
    """
    apart = (outline - edges).nan_to_num(0.0)
    share = deviation**2 / (deviation**2 + (OUTLINE_DEVIATION * stride) ** 2)
    # No hypot: ONNX has none.
    return edges + share * apart, (deviation**2 + (apart / 2) ** 2).sqrt()


class PyramidDecoder(nn.Module):
    """Decodes from the coarsest map to the map of one stride.

    Each step upsamples (nearest neighbour), concatenates the backbone's next finer map and applies
    one 3x3 convolution, like the expanding path of a U-Net (Ronneberger et al., MICCAI 2015).

    Args:
        stride: stride of the resulting map.
        width: channels of the resulting map.

    Raises:
        ValueError: the backbone has no map of that stride, or `width` is below 1.
    """

    def __init__(
        self, channels: tuple[int, ...], strides: tuple[int, ...], stride: int, width: int
    ) -> None:
        super().__init__()
        if stride not in strides:
            there = ", ".join(map(str, strides))
            raise ValueError(f"the backbone has no map of stride {stride}; its strides are {there}")
        if width < 1:
            raise ValueError(f"width is a number of channels, at least 1, not {width}")
        self._first = strides.index(stride)
        self.coarsest = _convolution(channels[-1], width)
        finer = channels[self._first : -1][::-1]
        self.steps = nn.ModuleList(_convolution(width + count, width) for count in finer)

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Maps [B, C_i, h_i, w_i] to one map [B, width, h, w] of the chosen stride."""
        found: Tensor = self.coarsest(features[-1])
        for step, feature in zip(self.steps, features[self._first : -1][::-1], strict=True):
            enlarged = F.interpolate(found, size=feature.shape[-2:], mode="nearest")
            found = step(torch.cat([enlarged, feature], 1))
        return found


def _convolution(inputs: int, outputs: int) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, outputs, kernel_size=3, padding=1, bias=False)
    nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))
