"""Normalisation, backbone and head in one module.

What a component may offer beyond its kind's Protocol is read here alone.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

import torch
from torch import Tensor, nn

from hdf.models.calibration import Calibration
from hdf.types import Backbone, Batch, Detections, ExportableHead, Head, Targets

if TYPE_CHECKING:
    from hdf.models.novelty import Doubt

LEAST_INSIDE = 20
"""Trust the statistics only if at least 1 / 20 of the pixels are neither black nor white."""


@dataclass(frozen=True)
class ModelSpec:
    """The description from which a detector is rebuilt, and its input prepared."""

    backbone: dict[str, Any]  # {"use": name, option: value, …}
    head: dict[str, Any]
    normalize: Literal["image", "robust", "fixed"]
    labels: tuple[str, ...]  # the structures that it detects, in order
    image_size: tuple[int, int]  # (height, width) of the network's image
    resize: Literal["letterbox", "stretch"]
    in_channels: int = 1  # of the backbone; grey is repeated if it is not 1
    mean: tuple[float, ...] = (0.5,)  # of `fixed`, for images in [0, 1]: one value or one a channel
    std: tuple[float, ...] = (0.25,)
    calibration: Calibration | None = None  # of its spreads
    doubt: int = 0  # number of axes of its novelty score; 0 without a score


class Detector(nn.Module):
    """A heart detector: grey images in, boxes out.

    Args:
        spec: how backbone and head were built, and what they expect.

    Attributes:
        doubt: the novelty score; None if there is none.
    """

    backbone: Backbone
    head: Head
    mean: Tensor
    std: Tensor

    def __init__(self, backbone: Backbone, head: Head, spec: ModelSpec) -> None:
        super().__init__()
        self.backbone, self.head, self.spec = backbone, head, spec
        self.doubt: Doubt | None = None
        if spec.doubt:
            from hdf.models.novelty import Doubt  # not above: training starts without it

            self.doubt = Doubt(backbone.channels, spec.doubt)
        self.register_buffer("mean", torch.tensor(spec.mean).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(spec.std).view(1, -1, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Any:
        """The head's raw outputs for images float32 [B, 1, H, W] in [0, 1]."""
        return self.run_head(self.features(images))

    def features(self, images: Tensor) -> list[Tensor]:
        """The backbone's maps of images float32 [B, 1, H, W] in [0, 1]."""
        maps: list[Tensor] = self.backbone(self.normalize(images))
        return maps

    def run_head(self, features: list[Tensor]) -> Any:
        """The head's raw outputs as float32, whatever the precision of the computation."""
        return _as_float32(self.head(features))

    def normalize(self, images: Tensor) -> Tensor:
        """Images as the backbone expects them, [B, C, H, W] in channels-last format."""
        if self.spec.normalize == "fixed":
            images = (images - self.mean) / self.std
        else:
            if self.spec.normalize == "image":
                spread, mean = torch.std_mean(images, dim=(1, 2, 3), keepdim=True)
            else:
                spread, mean = _spread_and_mean_inside(images)
            images = (images - mean) / spread.clamp(min=1e-3)
        if images.shape[1] != self.spec.in_channels:
            images = images.expand(-1, self.spec.in_channels, -1, -1)
        return images.contiguous(memory_format=torch.channels_last)

    def fit(self, targets: Targets) -> None:
        """Let the head measure the training targets, if it wants to."""
        if hasattr(self.head, "fit"):
            self.head.fit(targets, self.spec.image_size)

    def loss(self, raw: Any, batch: Batch) -> dict[str, Tensor]:
        return self.head.loss(raw, batch)

    def decode(self, raw: Any) -> list[Detections]:
        """Boxes in network pixels, one `Detections` an image."""
        return self.head.decode(raw, self.spec.image_size)

    def answers(self, raw: Any) -> tuple[Tensor, Tensor, Tensor | None]:
        """What `decode` says, as `hdf.types.ExportableHead.answers`; a TypeError of other heads."""
        head = exportable(self.head)
        if head is None:
            raise TypeError(f"{type(self.head).__name__} has no method answers(raw, size)")
        return head.answers(raw, self.spec.image_size)


def _spread_and_mean_inside(images: Tensor) -> tuple[Tensor, Tensor]:
    """Standard deviation and mean of the pixels that are neither black nor white, [B, 1, 1, 1].

    Padding, borders, burnt-in letters and clipped values are black or white. If fewer than
    1 / `LEAST_INSIDE` of the pixels remain, all pixels are used.
    """
    dims = (1, 2, 3)
    inside = ((images > 0) & (images < 1)).to(images)
    inside = inside.where(LEAST_INSIDE * inside.mean(dims, keepdim=True) >= 1, 1.0)
    count = inside.sum(dims, keepdim=True)
    mean = (images * inside).sum(dims, keepdim=True) / count
    spread = ((images - mean).square() * inside).sum(dims, keepdim=True).div(count).sqrt()
    return spread, mean


def _as_float32(raw: Any) -> Any:
    if isinstance(raw, Tensor):
        return raw.float() if raw.is_floating_point() else raw
    if isinstance(raw, dict):
        return {key: _as_float32(value) for key, value in raw.items()}
    if isinstance(raw, list | tuple):
        items = map(_as_float32, raw)
        return type(raw)(*items) if hasattr(raw, "_fields") else type(raw)(items)
    return raw


def expected_by(backbone: object, name: Literal["mean", "std"]) -> tuple[float, ...] | None:
    """What a `hdf.types.NormalizedBackbone` states; a buffer of that name is its own affair."""
    value = getattr(backbone, name, None)
    return tuple(map(float, value)) if isinstance(value, tuple | list) else None


def stages_of(backbone: object) -> list[nn.Module]:
    """The parts of a `hdf.types.StagedBackbone`, from the image on; none of any other."""
    # A module that happens to be called ``stages`` may leave out what comes before it.
    method = getattr(backbone, "stages", None)
    return list(method()) if inspect.ismethod(method) else []


def uses_masks(head: object) -> bool:
    """Whether a head, or a class of heads, is a `hdf.types.MaskHead`."""
    return bool(getattr(head, "uses_masks", False))


def exportable(head: object) -> ExportableHead | None:
    """A head whose answers have fixed shapes, as such."""
    return cast("ExportableHead", head) if hasattr(head, "answers") else None


def without_weights(backbone: Mapping[str, Any]) -> dict[str, Any]:
    """``{"use": name, option: value, …}`` of a backbone that starts from random weights."""
    return {key: "none" if key == "weights" else value for key, value in backbone.items()}
