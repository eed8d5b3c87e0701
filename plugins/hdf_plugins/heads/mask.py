"""One mask a label, and the box that it bounds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor, nn
from torch.nn import functional as F

from hdf.types import Batch, Detections
from hdf_plugins.heads.answers import Answers, as_detections, one_each
from hdf_plugins.heads.decoder import PyramidDecoder
from hdf_plugins.heads.edges import EdgeDistributions, edge_losses, read_edges
from hdf_plugins.heads.losses import LossName, dice_cross_entropy, masked_mean
from hdf_plugins.heads.outlines import read_outlines
from hdf_plugins.heads.projection import projection_loss

OUTLINE_DEVIATION = 1.5
"""How far a mask's bounds are off, one standard deviation in pixels of its map."""


class Mask(nn.Module):
    """Outlines every label, and answers with the bounds of its largest component.

    A light decoder brings the backbone's pyramid to one stride, and a convolution gives one mask a
    label. Where a training image has a mask, soft Dice and cross-entropy compare them; where it has
    only a box, the mask's profiles are compared with the box's (Tian et al., BoxInst, CVPR 2021).

    With `edges`, the same map also gives a distribution over the position of each edge, as
    `edge_softargmax` does. On coarse maps they are the finer reading as long as they are narrow:
    each edge is the mean of both readings, weighted by their precision. Half the distance between
    them adds to the spread. Without `edges`, a label whose mask is empty is not found.

    Args:
        channels: channels of each feature map, from fine to coarse.
        strides: image pixels per map pixel of each map.
        labels: what to find.
        stride: of the map that masks are drawn on; one of the backbone's strides.
        width: channels of the decoder.
        edges: whether to learn the distributions of edges too.
        loss: compares the boxes that the edges give: ``mse`` and ``smooth_l1`` in twentieths of the
            image's side, ``giou`` and ``ciou`` by overlap.
        focal: the weight of the distribution focal loss beside it; 0 leaves it out.

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
        self.edges = EdgeDistributions(width, len(labels)) if edges else None

    def forward(self, features: Sequence[Tensor]) -> dict[str, Tensor]:
        """Maps [B, C_i, h_i, w_i] to logits.

        Returns:
            ``masks`` [B, L, h, w]; with `edges` also ``x`` [B, L, 2, w] and ``y`` [B, L, 2, h].
        """
        found = self.decoder(features)
        edges = {} if self.edges is None else self.edges(found)
        return {"masks": self.masks(found), **edges}

    def loss(self, raw: dict[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        """The mean losses over the masks, and over the boxes, that are there.

        Args:
            raw: from `forward`.
            batch: the images' targets.

        Returns:
            ``masks`` where the data set has any, ``projection`` of boxes without one, and the terms
            of the edges.
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

    def decode(self, raw: dict[str, Tensor], size: tuple[int, int]) -> list[Detections]:
        """At most one box a label with its spread, in the labels' order.

        Args:
            raw: from `forward`.
            size: (height, width) of the images in pixels.
        """
        return as_detections(self.answers(raw, size))

    def answers(self, raw: dict[str, Tensor], size: tuple[int, int]) -> Answers:
        """The same as tensors: boxes [B, L, 4], scores [B, L] and spread [B, L, 4].

        Without `edges`, NaN stands for a label whose mask is empty.
        """
        boxes, spread = read_outlines(raw["masks"].sigmoid(), size)
        if self.edges is not None:
            stride = size[1] / raw["masks"].shape[-1]
            boxes, spread = _joined(*read_edges(raw, size), boxes, stride)
        return one_each(boxes, spread, size)


def _joined(
    edges: Tensor, deviation: Tensor, outline: Tensor, stride: float
) -> tuple[Tensor, Tensor]:
    """Both readings of the edges, and their spread, the greater the less they agree.

    Args:
        edges: the means of the distributions, float32 [B, L, 4] in pixels.
        deviation: their standard deviations.
        outline: the mask's bounds; NaN where it is empty, and the distributions alone count.
        stride: image pixels per pixel of the map.
    """
    apart = (outline - edges).nan_to_num(0.0)
    share = deviation**2 / (deviation**2 + (OUTLINE_DEVIATION * stride) ** 2)
    # No hypot: ONNX has none.
    return edges + share * apart, (deviation**2 + (apart / 2) ** 2).sqrt()
