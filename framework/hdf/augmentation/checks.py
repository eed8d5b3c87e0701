"""What the bridge to Kornia asks of an augmentation module.

Boxes have to be able to follow it; and a part of a batch can be augmented as the whole batch would
have been only where it treats each image by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from kornia.augmentation import AugmentationBase2D, RigidAffineAugmentationBase2D
from torch import Tensor, nn

from hdf.runtime.world import Share

TRIED = 4
"""The number of images on which modules are tried for independence of their images."""


def checked(module: nn.Module, image_size: tuple[int, int]) -> RigidAffineAugmentationBase2D:
    """The module itself, if boxes can follow its warp.

    Args:
        module: an augmentation.
        image_size: (height, width) of the images; the module is tried on two black ones.

    Raises:
        ValueError: it has no 3x3 matrix, changes the image's size, or fails.
    """
    name = type(module).__name__
    if not isinstance(module, RigidAffineAugmentationBase2D):
        raise ValueError(f"{name} can't be used as an augmentation: {_reason(module)}")
    shape = (2, 1, *image_size)
    try:
        with torch.random.fork_rng([]), torch.no_grad():
            parameters = module.forward_parameters(torch.Size(shape))
            parameters["batch_prob"] = torch.ones(2)
            result = tuple(module(torch.zeros(shape), params=parameters).shape)
    except Exception as error:
        height, width = image_size
        raise ValueError(f"{name} fails on grey images of {height} x {width}: {error}") from error
    if result != shape:
        raise ValueError(
            f"{name} can't be used as an augmentation: it changes the image from "
            f"{image_size[0]} x {image_size[1]} to {result[-2]} x {result[-1]} (height x width), "
            "and all augmentations have to keep the network's image size"
        )
    return module


def _reason(module: nn.Module) -> str:
    if isinstance(module, AugmentationBase2D):
        return (
            "its warp has no 3x3 matrix, so it would move the pixels and leave the boxes behind; "
            "use modules such as RandomAffine or RandomPerspective"
        )
    return (
        "expected a module derived from kornia.augmentation.GeometricAugmentationBase2D or "
        "IntensityAugmentationBase2D; list the members of a container one by one"
    )


def rows_of(
    module: RigidAffineAugmentationBase2D, image_size: tuple[int, int]
) -> frozenset[str] | None:
    """The names of a module's parameters with one row per image.

    Args:
        module: a Kornia augmentation.
        image_size: (height, width) of the noise images on which it is tried.

    Returns:
        None if the result of an image depends on other images of the batch, or on numbers drawn
        during the computation: then no part of a batch can be augmented alone.
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
    """Run modules on a part of a batch with the parameters of the whole batch.

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
