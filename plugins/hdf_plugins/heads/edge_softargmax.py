"""One box per label from distributions over the positions of its edges."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from hdf.types import Batch
from hdf_plugins.heads.answers import Answers, OneBoxPerLabel, one_each
from hdf_plugins.heads.decoder import PyramidDecoder
from hdf_plugins.heads.edges import EdgePredictor, edge_losses, read_edges
from hdf_plugins.heads.losses import LossName


class EdgeSoftargmax(OneBoxPerLabel):
    """Predicts exactly one box for every label, and the uncertainty of each edge.

    A light decoder reduces the backbone's pyramid to one map; from it each of a box's four edges
    gets a distribution over the positions in the image. Its mean is the edge, its standard
    deviation the spread of that edge.

    The score is 1 for edges without spread, and falls towards 0 as the spread approaches the size
    of the box.

    Args:
        channels: channels of each feature map, from fine to coarse.
        strides: image pixels per map pixel of each map.
        labels: what to find.
        stride: stride of the map that edges are read from; one of the backbone's.
        width: channels of the decoder.
        loss: compares the boxes: ``mse`` and ``smooth_l1`` in units of a twentieth of the image's
            side, ``giou`` and ``ciou`` by overlap.
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
        *,
        stride: int = 4,
        width: int = 64,
        loss: LossName = "smooth_l1",
        focal: float = 1.0,
    ) -> None:
        super().__init__()
        if focal < 0:
            raise ValueError(f"focal is a weight, at least 0, not {focal}")
        self.labels, self.loss_name, self.focal = labels, loss, focal
        self.decoder = PyramidDecoder(channels, strides, stride, width)
        self.edges = EdgePredictor(width, len(labels))

    def forward(self, features: Sequence[Tensor]) -> dict[str, Tensor]:
        """Maps [B, C_i, h_i, w_i] to logits ``x`` [B, L, 2, w] and ``y`` [B, L, 2, h]."""
        found: dict[str, Tensor] = self.edges(self.decoder(features))
        return found

    def loss(self, raw: dict[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        """The mean losses over the boxes that are present, under their names.

        Args:
            raw: from `forward`.
            batch: the images' targets.
        """
        boxes, present = batch.targets.one_per_label(len(self.labels))
        height, width = batch.images.shape[-2:]
        return edge_losses(raw, boxes, present, (height, width), self.loss_name, self.focal)

    def answers(self, raw: dict[str, Tensor], size: tuple[int, int]) -> Answers:
        """Boxes [B, L, 4], scores [B, L] and spread [B, L, 4]."""
        return one_each(*read_edges(raw, size), size)
