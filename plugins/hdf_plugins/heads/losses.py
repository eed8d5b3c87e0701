"""Losses that heads share; each gives one value a box, a place or a mask."""

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


def distribution_focal(logits: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy [...] towards the two bins beside a place, weighted by nearness (Li et al.,
    Generalized Focal Loss, NeurIPS 2020, eq. 6).

    Args:
        logits: float32 [..., bins], at least two bins.
        target: float32 [...], the place in bins, 0 for the middle of the first; cut to the range
            of the bins.
    """
    last = logits.shape[-1] - 1
    target = target.clamp(0, last)
    left = target.floor().clamp(max=last - 1)
    share = logits.log_softmax(-1)
    index = left.long()[..., None]
    near, far = share.gather(-1, index)[..., 0], share.gather(-1, index + 1)[..., 0]
    return -(near * (left + 1 - target) + far * (target - left))


def dice_cross_entropy(logits: Tensor, masks: Tensor) -> Tensor:
    """Soft Dice loss plus the mean binary cross-entropy, one value [...] a mask (Milletari et al.,
    V-Net, 2016; Isensee et al., nnU-Net, 2021).

    Args:
        logits: float32 [..., H, W].
        masks: float32 [..., H, W], the share of each pixel that is covered, in [0, 1].
    """
    probability = logits.sigmoid()
    overlap = (probability * masks).sum((-2, -1))
    total = probability.sum((-2, -1)) + masks.sum((-2, -1))
    dice = 1 - (2 * overlap + 1) / (total + 1)
    entropy = F.binary_cross_entropy_with_logits(logits, masks, reduction="none")
    return dice + entropy.mean((-2, -1))


Loss = Callable[[Tensor, Tensor], Tensor]
CODE_LOSSES: dict[str, Loss] = {"mse": mse, "smooth_l1": smooth_l1}
BOX_LOSSES: dict[str, Loss] = {"giou": giou, "ciou": ciou}


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """The mean of the values where `mask` is True; zero, with zero gradients, where none is."""
    return values.where(mask, 0.0).sum() / mask.sum().clamp(min=1)
