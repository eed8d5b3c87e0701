"""One image many times: results differ by what is drawn alone."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hdf.augmentation.pipeline import Augment
from hdf.types import Batch, Targets

SIZE = (64, 80)


def same_images(count: int = 16, image: Tensor | None = None) -> Batch:
    """`count` times one image [1, *SIZE], with a box and its mask."""
    if image is None:
        image = 0.1 + 0.8 * torch.rand(1, *SIZE, generator=torch.Generator().manual_seed(3))
    boxes = torch.tensor([[20.3, 10, 60, 50.7]]).repeat(count, 1, 1)
    ones = torch.ones(count, 1, dtype=torch.bool)
    masks = torch.zeros(count, 1, *SIZE, dtype=torch.bool)
    masks[..., 10:50, 20:60] = True
    targets = Targets(boxes, 0 * ones.long(), ones, masks)
    return Batch(image.repeat(count, 1, 1, 1), targets, torch.arange(count))


def augmented(module: nn.Module, batch: Batch) -> Tensor:
    """The batch's images [B, 1, *SIZE], augmented."""
    return Augment([module], SIZE)(batch, (0,)).images
