"""Distributions over the positions of a box's four edges."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hdf_plugins.heads.losses import (
    BOX_LOSSES,
    CODE_LOSSES,
    LossName,
    distribution_focal,
    masked_mean,
)

UNIT = 20.0
"""Positions are compared in units of a twentieth of the image's side."""


class EdgePredictor(nn.Module):
    """Predicts, from a feature map, a distribution over the position of each edge of each box.

    A convolution gives four heat maps per label, one per edge, which are high where the outline
    touches that edge. The softmax of a heat map, summed over rows, is a distribution over columns,
    for x0 and x1; summed over columns, it is one over rows, for y0 and y1 (soft-argmax of the
    marginals; for points see Nibali et al., Numerical Coordinate Regression with Convolutional
    Neural Networks, 2018).
    """

    def __init__(self, channels: int, labels: int) -> None:
        super().__init__()
        self.labels = labels
        self.heat = nn.Conv2d(channels, 4 * labels, kernel_size=1)
        nn.init.normal_(self.heat.weight, std=1e-2)

    def forward(self, features: Tensor) -> dict[str, Tensor]:
        """The logits float32 of the distributions for a feature map [B, C, h, w].

        Returns:
            ``x`` [B, L, 2, w], for x0 and x1; ``y`` [B, L, 2, h], for y0 and y1.
        """
        heat = self.heat(features).float().unflatten(1, (self.labels, 4))
        return {"x": heat[:, :, 0::2].logsumexp(-2), "y": heat[:, :, 1::2].logsumexp(-1)}


def read_edges(raw: dict[str, Tensor], size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """The expectations of the edges, and their standard deviations, float32 [B, L, 4] in pixels.

    Opposite edges may be swapped.

    Args:
        raw: from `EdgePredictor`.
        size: (height, width) of the images in pixels.
    """
    x, y = _moments(raw["x"], size[1]), _moments(raw["y"], size[0])
    boxes, spread = torch.stack([x, y], -1).flatten(-2)  # x0, y0, x1, y1
    return boxes, spread


def edge_losses(
    raw: dict[str, Tensor],
    boxes: Tensor,
    present: Tensor,
    size: tuple[int, int],
    loss: LossName,
    focal: float,
) -> dict[str, Tensor]:
    """The losses of the distributions and of the boxes that they give.

    Args:
        raw: from `EdgePredictor`.
        boxes: the true ones, float32 [B, L, 4] in pixels of images of `size`, (height, width).
        present: bool [B, L], whether there is a true box.
        loss: compares the boxes; names the term.
        focal: the weight of the distribution focal loss; 0 omits it.
    """
    found, _ = read_edges(raw, size)
    height, width = size
    if loss in CODE_LOSSES:
        scale = UNIT / boxes.new_tensor([width, height, width, height])
        values = CODE_LOSSES[loss](found * scale, boxes * scale)
    else:
        values = BOX_LOSSES[loss](_ordered(found), _ordered(boxes))
    terms: dict[str, Tensor] = {loss: masked_mean(values, present)}
    if focal:
        bins_x, bins_y = raw["x"].shape[-1], raw["y"].shape[-1]
        x = distribution_focal(raw["x"], boxes[..., 0::2] * (bins_x / width) - 0.5)
        y = distribution_focal(raw["y"], boxes[..., 1::2] * (bins_y / height) - 0.5)
        mean = (x.sum(-1) + y.sum(-1)) / 4
        terms["distribution_focal"] = focal * masked_mean(mean, present)
    return terms


def _moments(logits: Tensor, side: int) -> Tensor:
    """Mean and standard deviation [2, ...] of the positions, in pixels, for logits [..., bins]."""
    share = logits.softmax(-1)
    bins = logits.shape[-1]
    places = (torch.arange(bins, device=logits.device) + 0.5) * (side / bins)
    mean = (share * places).sum(-1)
    variance = (share * (places - mean[..., None]) ** 2).sum(-1)
    return torch.stack([mean, variance.clamp(min=1e-6).sqrt()])


def _ordered(boxes: Tensor) -> Tensor:
    """Boxes with a positive area, as overlap losses need them."""
    low = boxes[..., :2]
    return torch.cat([low, torch.maximum(boxes[..., 2:], low + 1e-3)], -1)
