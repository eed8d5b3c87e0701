"""Augmenting a part of a batch as the whole batch would have been."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from kornia.augmentation import RigidAffineAugmentationBase2D
from torch import Tensor

from hdf.runtime.world import Share

TRIED = 4
"""Images on which it is tried whether a module treats each image by itself."""


def rows_of(
    module: RigidAffineAugmentationBase2D, image_size: tuple[int, int]
) -> frozenset[str] | None:
    """The names of a module's parameters that have a row for each image.

    Args:
        module: a Kornia augmentation.
        image_size: (height, width); it is tried on images of noise.

    Returns:
        None where an image's result depends on others of its batch, or on numbers that are drawn
        while images are changed: then no part of a batch can be augmented by itself.
    """
    images = torch.rand(TRIED, 1, *image_size, generator=torch.Generator().manual_seed(0))
    with torch.random.fork_rng([]), torch.no_grad():
        torch.default_generator.manual_seed(0)
        one_more = module.forward_parameters(torch.Size((TRIED + 1, 1, *image_size)))
        parameters = module.forward_parameters(images.shape)
        names = frozenset(
            name
            for name, value in parameters.items()
            if _length(value) == TRIED and _length(one_more.get(name)) == TRIED + 1
        )
        parameters["batch_prob"] = torch.ones(TRIED)
        whole = module(images, params=dict(parameters))
        parts = [
            module(images[rows], params=_cut(parameters, names, rows))
            for rows in (slice(0, 1), slice(1, TRIED))
        ]
    return names if torch.allclose(torch.cat(parts), whole, atol=1e-5) else None


def run_part(
    modules: Sequence[RigidAffineAugmentationBase2D],
    names: Sequence[frozenset[str]],
    images: Tensor,
    share: Share,
) -> Tensor:
    """Run modules on a part of a batch, with parameters that are drawn for the whole batch.

    Args:
        names: of each module's parameters that have a row for each image.
        images: float32 [B, C, H, W], those of `share`.
    """
    for module, rows in zip(modules, names, strict=True):
        drawn = module.forward_parameters(torch.Size((share.whole, *images.shape[1:])))
        images = module(images, params=_cut(drawn, rows, share.rows))
    return images


def _length(value: Any) -> int:
    return len(value) if isinstance(value, Tensor) and value.ndim else 0


def _cut(parameters: dict[str, Any], names: frozenset[str], rows: slice) -> dict[str, Any]:
    return {name: value[rows] if name in names else value for name, value in parameters.items()}
