"""Losses that heads share; each returns one value per box, edge or mask."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
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
    """Cross-entropy [...] with the two bins beside each target, weighted by their nearness.

    It is minimal where the mean of the distribution is the target and all other bins are empty
    (Li et al., Generalized Focal Loss, NeurIPS 2020, equation 6).

    Args:
        logits: float [..., bins], at least two bins.
        target: float [...] in bins, 0 at the centre of the first; clamped to 0..bins - 1.
    """
    last = logits.shape[-1] - 1
    place = target.clamp(0, last)
    left = place.floor().clamp(max=last - 1)
    share = (place - left).to(logits.dtype)
    index = left.long()[..., None]
    logs = logits.log_softmax(-1)
    below, above = logs.gather(-1, index)[..., 0], logs.gather(-1, index + 1)[..., 0]
    return -(1 - share) * below - share * above


def dice_cross_entropy(logits: Tensor, masks: Tensor) -> Tensor:
    """Soft Dice loss plus mean binary cross-entropy, one value [...] per mask.

    Dice measures the overlap, whatever the size of the mask; cross-entropy gives every pixel a
    gradient (the same sum as Isensee et al., nnU-Net, Nature Methods 2021). Logits are float
    [..., H, W], positive inside, and masks are of the same shape, bool or in [0, 1].
    """
    truth = masks.to(logits.dtype)
    inside = logits.sigmoid()
    overlap, total = (inside * truth).sum((-2, -1)), (inside + truth).sum((-2, -1))
    # One pixel is added to both: an empty answer to an empty mask has no loss.
    dice = (2 * overlap + 1) / (total + 1)
    entropy = F.binary_cross_entropy_with_logits(logits, truth, reduction="none").mean((-2, -1))
    return 1 - dice + entropy


Loss = Callable[[Tensor, Tensor], Tensor]
CODE_LOSSES: dict[str, Loss] = {"mse": mse, "smooth_l1": smooth_l1}
BOX_LOSSES: dict[str, Loss] = {"giou": giou, "ciou": ciou}


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """The mean of the values where `mask` is True; zero, with zero gradients, where none is."""
    return values.where(mask, 0.0).sum() / mask.sum().clamp(min=1)


def projection_loss(logits: Tensor, boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """The Dice loss [...] in [0, 2] between the profiles of masks and of the boxes that bound them.

    The profiles of a mask are the highest probabilities in all columns and in all rows; those of a
    box are the shares of the columns and rows that it covers (Tian et al., BoxInst:
    High-Performance Instance Segmentation with Box Annotations, CVPR 2021, section 3.1).

    Args:
        logits: of the masks, float32 [..., h, w].
        boxes: float32 [..., 4] in pixels of images of `size`, (height, width).
    """
    probability = logits.sigmoid()
    height, width = logits.shape[-2:]
    across = _covered(boxes[..., 0::2] * (width / size[1]), width)
    down = _covered(boxes[..., 1::2] * (height / size[0]), height)
    return _dice(probability.amax(-2), across) + _dice(probability.amax(-1), down)


def _covered(span: Tensor, count: int) -> Tensor:
    """The share of each of `count` map pixels inside a span [..., 2]: [..., count]."""
    start = torch.arange(count, device=span.device)
    low = torch.maximum(span[..., :1], start)
    high = torch.minimum(span[..., 1:], start + 1)
    return (high - low).clamp(min=0)


def _dice(first: Tensor, second: Tensor) -> Tensor:
    """1 - the Dice coefficient of two [..., n], with squares in the denominator."""
    together = (first * second).sum(-1)
    apart = (first**2).sum(-1) + (second**2).sum(-1)
    return 1 - 2 * together / apart.clamp(min=1e-6)
