"""What the bridge to Kornia asks of an augmentation module.

Boxes have to be able to follow it; and a part of a batch can be augmented as the whole batch would
have been only where it treats each image by itself.
"""

from __future__ import annotations

from typing import Any

import torch
from kornia.augmentation import AugmentationBase2D, RigidAffineAugmentationBase2D
from torch import Tensor, nn

from hdf.runtime.world import Share

Module = RigidAffineAugmentationBase2D
"""What every augmentation of Kornia with a 3x3 matrix is, those that move nothing included."""
TRIED = 4
"""The number of images on which modules are tried for independence of their images."""


def checked(module: nn.Module, image_size: tuple[int, int]) -> Module:
    """The module itself, if boxes can follow its warp.

    Args:
        image_size: (height, width) of the images; the module is tried on two black ones.

    Raises:
        ValueError: it has no 3x3 matrix, changes the image's size, or fails.
    """
    name, (height, width) = type(module).__name__, image_size
    if not isinstance(module, Module):
        raise ValueError(f"{name} can't be used as an augmentation: {_reason(module)}")
    shape = (2, 1, height, width)
    try:
        with torch.random.fork_rng([]), torch.no_grad():
            parameters = module.forward_parameters(torch.Size(shape))
            parameters["batch_prob"] = torch.ones(2)
            result = tuple(module(torch.zeros(shape), params=parameters).shape)
    except Exception as error:
        raise ValueError(f"{name} fails on grey images of {height} x {width}: {error}") from error
    if result != shape:
        raise ValueError(
            f"{name} can't be used as an augmentation: it changes the image from "
            f"{height} x {width} to {result[-2]} x {result[-1]} (height x width), "
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


def rows_of(module: Module, image_size: tuple[int, int]) -> frozenset[str] | None:
    """The names of a module's parameters with one row per image, tried on images of noise.

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


def run_part(module: Module, names: frozenset[str], images: Tensor, share: Share) -> Tensor:
    """Run a module on the images [B, C, H, W] of `share` with the parameters of the whole batch.

    Args:
        names: of the parameters that have a row for each image (`rows_of`).
    """
    drawn = module.forward_parameters(torch.Size((share.whole, *images.shape[1:])))
    result: Tensor = module(images, params=_cut(drawn, names, share.rows))
    return result


def _length(value: Any) -> int:
    return len(value) if isinstance(value, Tensor) and value.ndim else 0


def _cut(parameters: dict[str, Any], names: frozenset[str], rows: slice) -> dict[str, Any]:
    return {name: value[rows] if name in names else value for name, value in parameters.items()}
