"""The contract of backbones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from hdf.models.detector import expected_by, stages_of
from hdf.models.dry_run import IMAGES, check_features
from hdf.testing.contract import (
    Subject,
    asking,
    assert_finite,
    assert_gradients,
    assert_same,
    check_export,
    check_no_other_device,
    subject,
)

ALONE_TOLERANCE = 1e-3
"""A batch may be added up in another order than one image."""


def check_backbone(
    backbone: nn.Module | str,
    *,
    options: Mapping[str, Any] | None = None,
    in_channels: int = 1,
    image_size: tuple[int, int] = (72, 104),
    export: bool = True,
    seed: int = 0,
) -> None:
    """Hold a backbone to all that hdf asks of one.

    Its maps have the shapes that ``channels`` and ``strides`` state, are finite in float32 and
    under bfloat16 autocast, and repeat; an image's maps depend on no other image; every parameter
    that may learn gets a gradient; nothing stays behind on another device; ``stages``, ``mean`` and
    ``std`` are well formed; a model file restores it; `torch.export` follows it.

    Args:
        backbone: the module, or the name of a registered one, which is built as for a recipe.
        options: of a registered one; keep it narrow, and the check quick.
        in_channels: of the images that a module takes; hdf knows those of a registered one.
        image_size: (height, width).
        export: False for a backbone that can't be exported.
        seed: of weights and images.

    Raises:
        AssertionError: saying what is wrong and what to do.
    """
    supplied = {"in_channels": 1, "image_size": image_size}
    with subject("backbone", backbone, options, seed, **supplied) as made:
        if isinstance(backbone, str):
            in_channels = 1 if "in_channels" in made.supplied else 3
        module = made.make()
        _check_form(module, in_channels)
        images = _images(in_channels, image_size, seed)
        maps = _check_maps(module, images, image_size)
        _check_saved(made, maps, images)
        _check_learning(made.make(), images)
        check_no_other_device(made.make(), images)
        if export:
            check_export(made.make(), images)


def _images(channels: int, image_size: tuple[int, int], seed: int) -> Tensor:
    drawn = torch.rand(IMAGES, 1, *image_size, generator=torch.Generator().manual_seed(seed))
    unlike = torch.tensor([1.0, 0.3])[:, None, None, None]  # so that a batch's mean is no image's
    images = ((drawn - 0.5) * 3 * unlike + 1 - unlike).expand(-1, channels, -1, -1)
    return images.contiguous(memory_format=torch.channels_last)


def _check_form(module: Any, in_channels: int) -> None:
    assert isinstance(module, nn.Module), "it is no torch.nn.Module; derive it from one"
    for name in ("channels", "strides"):
        value = getattr(module, name, None)
        assert isinstance(value, tuple | list) and all(type(item) is int for item in value), (
            f"{name} is {value!r}, expected a tuple with one whole number for each map"
        )
    stated = {"mean": expected_by(module, "mean"), "std": expected_by(module, "std")}
    for name, expected in stated.items():
        assert expected is None or len(expected) == in_channels, (
            f"{name} has {len(expected)} values for images of {in_channels} channels; give one "
            "for each channel"
        )
    with asking("stages"):
        stages = stages_of(module)
    assert all(isinstance(stage, nn.Module) for stage in stages), (
        f"stages() gives {stages}, expected a list of nn.Module"
    )
    found = [parameter for stage in stages for parameter in stage.parameters()]
    assert len(set(found)) == len(found), "a parameter lies in two of its stages()"
    assert set(found) <= set(module.parameters()), (
        "a parameter of its stages() is none of the module's own"
    )


def _check_maps(module: nn.Module, images: Tensor, image_size: tuple[int, int]) -> list[Tensor]:
    """The shapes, and that maps follow from their own image alone."""
    module.eval()
    given = images.clone()
    with torch.no_grad(), asking("forward"):
        maps = module(images)
        check_features(module, maps, image_size)
        again, alone = list(module(images)), list(module(images[:1]))
        with torch.autocast("cpu", dtype=torch.bfloat16):
            lower = list(module(images))
    assert torch.equal(images, given), "forward changes its input; work on a copy"
    for number, (found, low) in enumerate(zip(maps, lower, strict=True)):
        assert found.dtype == torch.float32, (
            f"map {number} is {found.dtype} for float32 images; cast no values"
        )
        assert_finite(f"map {number}", found)
        assert_finite(f"map {number} under bfloat16 autocast", low)
        assert low.shape == found.shape, f"map {number} has another shape in bfloat16"
    assert_same(again, list(maps), "two calls in evaluation mode differ; draw in training only")
    message = (
        "an image's maps depend on the other images of its batch; in evaluation mode normalise by "
        "stored statistics, or by each image's own"
    )
    assert_same(alone, [item[:1] for item in maps], message, ALONE_TOLERANCE)
    return list(maps)


def _check_saved(made: Subject, maps: list[Tensor], images: Tensor) -> None:
    """A second one with the first one's state answers as the first: so models are read back."""
    first, second = made.make(), made.make()
    message = "built twice with one seed it answers differently; draw initial weights from torch"
    with torch.no_grad(), asking("load_state_dict"):
        assert_same(list(second.eval()(images)), maps, message)
        for parameter in second.parameters():
            parameter.fill_(0.5)
        second.load_state_dict(first.state_dict())
        found = list(second.eval()(images))
    message = (
        "a copy with the same state_dict answers differently, so a model file would not restore "
        "it; keep all that forward needs in parameters and buffers"
    )
    assert_same(found, maps, message)


def _check_learning(module: nn.Module, images: Tensor) -> None:
    with asking("forward and backward"):
        total = torch.stack([found.square().mean() for found in module.train()(images)]).sum()
        if total.requires_grad:
            total.backward()  # type: ignore[no-untyped-call]
    assert_gradients(module)
