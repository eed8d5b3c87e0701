"""Connected parts of masks."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def largest_component(mask: Tensor) -> Tensor:
    """The largest part of a mask whose pixels share sides; of equal ones the first from the top.

    Args:
        mask: bool [H, W].

    Returns:
        bool [H, W]; empty where `mask` is.
    """
    from scipy.ndimage import label  # a loader that reads no masks need not wait for scipy

    numbers, count = label(mask.numpy())
    if count < 2:
        return mask
    areas = np.bincount(numbers.ravel())
    areas[0] = 0  # the background
    return torch.from_numpy(numbers == areas.argmax())
