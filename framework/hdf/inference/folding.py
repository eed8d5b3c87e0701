"""Batch norms that no longer learn, made part of the convolutions before them."""

from __future__ import annotations

from itertools import pairwise

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


def fold_batch_norms(model: nn.Module) -> None:
    """Scale each convolution by the batch norm that follows it in a `Sequential`, in place.

    The norm becomes an identity; results change by rounding. Convolutions that anything hangs on,
    such as a hook, stay as they are.

    Args:
        model: in evaluation mode; it can't be trained any more.

    Source: Jacob et al., Quantization and Training of Neural Networks for Efficient
    Integer-Arithmetic-Only Inference, CVPR 2018, section 3.2.
    """
    for sequence in [item for item in model.modules() if isinstance(item, nn.Sequential)]:
        for number, (layer, norm) in enumerate(pairwise(list(sequence))):
            if isinstance(layer, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                if not _is_plain(layer, norm):
                    continue
                sequence[number] = fuse_conv_bn_eval(layer, norm)
                sequence[number + 1] = nn.Identity()


def _is_plain(layer: nn.Conv2d, norm: nn.BatchNorm2d) -> bool:
    exact = type(layer) is nn.Conv2d and type(norm) is nn.BatchNorm2d
    hooked = any(item._forward_hooks or item._forward_pre_hooks for item in (layer, norm))
    return exact and not hooked and norm.running_mean is not None
