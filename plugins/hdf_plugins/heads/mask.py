"""One mask per label, and its bounding box."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor, nn
from torch.nn import functional as F

from hdf.types import Batch
from hdf_plugins.heads.answers import Answers, OneBoxPerLabel, one_each
from hdf_plugins.heads.decoder import PyramidDecoder
from hdf_plugins.heads.edges import EdgePredictor, edge_losses, read_edges
from hdf_plugins.heads.losses import (
    LossName,
    dice_cross_entropy,
    masked_mean,
    projection_loss,
)
from hdf_plugins.heads.outlines import read_outlines

OUTLINE_DEVIATION = 1.5
"""The error of a mask's bounds, one standard deviation in pixels of its map."""


class Mask(OneBoxPerLabel):
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
        channels: channels of each feature map, from fine to coarse.
        strides: image pixels per map pixel of each map.
        labels: what to find.
        stride: stride of the masks' map; one of the backbone's.
        width: channels of the decoder.
        edges: whether to learn the distributions of the edges as well.
        loss: compares the boxes that the edges give: ``mse`` and ``smooth_l1`` in units of a
            twentieth of the image's side, ``giou`` and ``ciou`` by overlap.
        focal: the weight of the additional distribution focal loss; 0 omits it.

    Raises:
        ValueError: an option is out of range.
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
        super().__init__()
        if focal < 0:
            raise ValueError(f"focal is a weight, at least 0, not {focal}")
        self.labels, self.loss_name, self.focal = labels, loss, focal
        self.decoder = PyramidDecoder(channels, strides, stride, width)
        self.masks = nn.Conv2d(width, len(labels), kernel_size=1)
        self.edges = EdgePredictor(width, len(labels)) if edges else None

    def forward(self, features: Sequence[Tensor]) -> dict[str, Tensor]:
        """Maps [B, C_i, h_i, w_i] to logits.

        Returns:
            ``masks`` [B, L, h, w]; with `edges` also ``x`` [B, L, 2, w] and ``y`` [B, L, 2, h].
        """
        found = self.decoder(features)
        edges = {} if self.edges is None else self.edges(found)
        return {"masks": self.masks(found), **edges}

    def loss(self, raw: dict[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        """The mean losses over the masks and boxes that are present.

        Args:
            raw: from `forward`.
            batch: the images' targets.

        Returns:
            ``masks`` if the data set has any, ``projection`` for boxes without a mask, and the
            terms of the edges.
        """
        count = len(self.labels)
        boxes, present = batch.targets.one_per_label(count)
        height, width = batch.images.shape[-2:]
        terms = self._mask_losses(raw["masks"], batch, boxes, present)
        if self.edges is not None:
            size = (height, width)
            terms |= edge_losses(raw, boxes, present, size, self.loss_name, self.focal)
        return terms

    def _mask_losses(
        self, logits: Tensor, batch: Batch, boxes: Tensor, present: Tensor
    ) -> dict[str, Tensor]:
        height, width = batch.images.shape[-2:]
        terms: dict[str, Tensor] = {}
        boxed = present
        if batch.targets.masks is not None:
            masks, known = batch.targets.masks_per_label(len(self.labels))
            shares = F.adaptive_avg_pool2d(masks.float(), (logits.shape[-2], logits.shape[-1]))
            terms["masks"] = masked_mean(dice_cross_entropy(logits, shares), known)
            boxed = present & ~known
        values = projection_loss(logits, boxes, (height, width))
        return {**terms, "projection": masked_mean(values, boxed)}

    def answers(self, raw: dict[str, Tensor], size: tuple[int, int]) -> Answers:
        """Boxes [B, L, 4], scores [B, L] and spread [B, L, 4].

        Without `edges`, a label with an empty mask is NaN.
        """
        boxes, spread = read_outlines(raw["masks"].sigmoid(), size)
        if self.edges is not None:
            stride = size[1] / raw["masks"].shape[-1]
            boxes, spread = _combined(*read_edges(raw, size), boxes, stride)
        return one_each(boxes, spread, size)


def _combined(
    edges: Tensor, deviation: Tensor, outline: Tensor, stride: float
) -> tuple[Tensor, Tensor]:
    """The weighted mean of both estimates of the edges, and its spread.

    Args:
        edges: the means of the distributions, float32 [B, L, 4] in pixels.
        deviation: their standard deviations.
        outline: the mask's bounds; where it is NaN, for an empty mask, only `edges` is used.
        stride: image pixels per pixel of the map.
    """
    apart = (outline - edges).nan_to_num(0.0)
    share = deviation**2 / (deviation**2 + (OUTLINE_DEVIATION * stride) ** 2)
    # No hypot: ONNX has none.
    return edges + share * apart, (deviation**2 + (apart / 2) ** 2).sqrt()
