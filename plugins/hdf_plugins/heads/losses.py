"""Losses between predicted and true boxes; each gives one value a box."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from torch import Tensor
from torch.nn import functional as F

LossName = Literal["mse", "smooth_l1", "giou", "ciou"]


def mse(code: Tensor, target: Tensor) -> Tensor:
    """Mean squared error [...] over the four coordinates of box codes [..., 4]."""
    return F.mse_loss(code, target, reduction="none").mean(-1)


def smooth_l1(code: Tensor, target: Tensor) -> Tensor:
    """Mean over four coordinates: squared below one, linear above (Girshick, Fast R-CNN, eq. 3)."""
    return F.smooth_l1_loss(code, target, reduction="none").mean(-1)


def giou(boxes: Tensor, target: Tensor) -> Tensor:
    """1 - generalised IoU [...] in [0, 2] of ordered boxes [..., 4] (Rezatofighi et al., 2019)."""
    from torchvision.ops import generalized_box_iou_loss

    loss: Tensor = generalized_box_iou_loss(boxes, target)
    return loss


def ciou(boxes: Tensor, target: Tensor) -> Tensor:
    """1 - complete IoU [...] of ordered boxes [..., 4] with an area (Zheng et al., 2020)."""
    from torchvision.ops import complete_box_iou_loss

    loss: Tensor = complete_box_iou_loss(boxes, target)
    return loss


Loss = Callable[[Tensor, Tensor], Tensor]
CODE_LOSSES: dict[str, Loss] = {"mse": mse, "smooth_l1": smooth_l1}
BOX_LOSSES: dict[str, Loss] = {"giou": giou, "ciou": ciou}


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """The mean of the values where `mask` is True; zero, with zero gradients, where none is."""
    return values.where(mask, 0.0).sum() / mask.sum().clamp(min=1)
