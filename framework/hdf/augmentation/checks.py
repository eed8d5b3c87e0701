"""What the bridge to Kornia asks of an augmentation module."""

from __future__ import annotations

import torch
from kornia.augmentation import AugmentationBase2D, RigidAffineAugmentationBase2D
from torch import nn


def checked(module: nn.Module, image_size: tuple[int, int]) -> RigidAffineAugmentationBase2D:
    """The module itself, if boxes can follow it.

    Args:
        module: an augmentation.
        image_size: (height, width) of the images to come; it is tried on two black ones.

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
