"""What components offer and what hooks are told: the interface of plugins, as types.

A component inherits from none of these; it has what they name. Attributes of the second sort are
optional, and `hdf.models.detector` alone reads them. Nothing here imports torch.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self, runtime_checkable

from hdf.types.samples import Sample

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from hdf.types.tensors import Batch, Detections, Targets


@runtime_checkable
class Loader(Protocol):
    """What lists the samples of a data set.

    An option annotated `Loader`, or as a mapping of names to `Loader`, takes components from a
    recipe, built and ready.
    """

    def records(self) -> list[Sample]:
        """Every sample, the broken ones included; no image is read.

        Raises:
            UserError: nothing can be listed at all.
        """


class Augmentation(Protocol):
    """A Kornia augmentation of batches, float32 [B, 1, H, W] in [0, 1], that keeps their size.

    It derives from ``IntensityAugmentationBase2D``, or from ``GeometricAugmentationBase2D`` where
    it moves pixels; then ``generate_transformation_matrix`` gives the matrices [B, 3, 3] that hdf
    moves pixels, boxes and masks with. All random numbers come from torch.
    """

    @property
    def __call__(self) -> Callable[..., Any]:
        """From images and ``params``, drawn by `forward_parameters`, to images of their shape."""

    def forward_parameters(self, batch_shape: torch.Size, /) -> dict[str, Tensor]:
        """The random numbers for images of a shape, most of them with a row for each image."""


class Module(Protocol):
    """What hdf uses of `torch.nn.Module`, from which every backbone and head derives."""

    training: bool

    @property
    def __call__(self) -> Callable[..., Any]: ...
    def eval(self) -> Self: ...
    def modules(self) -> Iterator[nn.Module]: ...
    def named_parameters(self) -> Iterator[tuple[str, nn.Parameter]]: ...
    def parameters(self) -> Iterator[nn.Parameter]: ...
    def state_dict(self) -> dict[str, Any]: ...
    def train(self, mode: bool = True) -> Self: ...


class Backbone(Module, Protocol):
    """A module that makes feature maps of images.

    A constructor with the parameter ``in_channels`` is given 1; without it the backbone gets grey
    images three times, as [B, 3, H, W]. Where it has an option ``weights``, ``none`` means a random
    start: so it is built for a model file, which holds the weights. It may add `NormalizedBackbone`
    and `StagedBackbone`.

    Attributes:
        channels: of each map, from fine to coarse.
        strides: image pixels for each pixel of a map, one whole number for each map.
    """

    @property
    def channels(self) -> Sequence[int]: ...
    @property
    def strides(self) -> Sequence[int]: ...
    @property
    def forward(self) -> Callable[..., Any]:
        """From images to a list of maps.

        Images are float32 [B, in_channels, H, W], normalised, in channels-last memory; maps are
        [B, C, h, w], one for each of `channels`, where a side may be rounded either way.
        """


class NormalizedBackbone(Protocol):
    """A backbone whose weights expect images of a certain mean and spread.

    ``model.normalize: fixed`` uses both. They are tuples or lists; buffers of these names are the
    module's own affair.

    Attributes:
        mean: what is subtracted from images in [0, 1]: one value for each channel.
        std: what the difference is divided by, likewise.
    """

    @property
    def mean(self) -> Sequence[float]: ...
    @property
    def std(self) -> Sequence[float]: ...


class StagedBackbone(Protocol):
    """A backbone that says which of its parts follow one another, for ``train.layer_decay``."""

    def stages(self) -> list[nn.Module]:
        """From the image on; a parameter in none of them counts as part of the last."""


class Head(Module, Protocol):
    """A module that turns feature maps into boxes, and says how wrong they are.

    Its constructor may ask for ``channels``, ``strides``, ``labels`` and ``image_size``. It may add
    `FittedHead`, `MaskHead` and `ExportableHead`.
    """

    @property
    def forward(self) -> Callable[..., Any]:
        """From the backbone's list of maps to raw outputs: tensors, in lists, tuples and dicts."""

    def loss(self, raw: Any, batch: Batch, /) -> dict[str, Tensor]:
        """Named scalar terms, each a mean over the batch; their sum is minimised.

        Floating-point tensors of `raw` arrive as float32, here and below.
        """

    def decode(self, raw: Any, size: tuple[int, int], /) -> list[Detections]:
        """One `Detections` for each image, in pixels of the network's image and cut to it.

        `size` is that image's (height, width).
        """


class FittedHead(Protocol):
    """A head that measures the training boxes before it learns."""

    def fit(self, targets: Targets, size: tuple[int, int], /) -> None:
        """Called once, with the training targets alone, without masks, in network pixels.

        What is measured goes into buffers that the constructor registered.
        """


class MaskHead(Protocol):
    """A head that learns from masks.

    Attributes:
        uses_masks: True, an attribute of the class: batches then hold ``targets.masks``.
    """

    @property
    def uses_masks(self) -> bool: ...


class ExportableHead(Protocol):
    """A head whose answers have fixed shapes, as ``hdf export`` needs."""

    def answers(self, raw: Any, size: tuple[int, int], /) -> tuple[Tensor, Tensor, Tensor | None]:
        """What ``decode`` says, with one place for each of L labels.

        Returns:
            Boxes float32 [B, L, 4] in network pixels, NaN for a label that is not found; scores
            float32 [B, L] in [0, 1]; spread float32 [B, L, 4], one standard deviation of each edge
            in pixels, or None.
        """


class Visualizer(Protocol):
    """What draws a run's validation images.

    An attribute ``count``, if there is one, says how many images it draws; the time that is left
    is told by it.

    Attributes:
        when: ``end`` draws once, ``epoch`` after every epoch that validates.
    """

    @property
    def when(self) -> str: ...
    def draw(self, view: Any, folder: Path, /) -> list[Path]:
        """Write files into the folder; returns their paths. The view is an `hdf.View`."""


ENDS = "2027-06-01"
FORMER = {
    "augment": "run.recipe.augment",
    "checked": "run.resolved",
    "compute": "run.device and run.precision",
    "registry": "run.resolved",
    "split": "run.train_images and run.val_images, or split.csv in run.folder.path",
    "store": "run.labels, or split.csv in run.folder.path",
    "visualizers": "run.recipe.visualize",
}
"""What hooks were given before, and what to use instead."""


class RunFiles(Protocol):
    """The files of a run.

    Attributes:
        path: the run folder.
        figures: the folder of the pictures.
        best: the model file, which is there when the run ends.
        metrics: ``metrics.jsonl``, a line for each epoch so far.
    """

    @property
    def path(self) -> Path: ...
    @property
    def figures(self) -> Path: ...
    @property
    def best(self) -> Path: ...
    @property
    def metrics(self) -> Path: ...


@dataclass(frozen=True, eq=False)
class RunFacts:
    """A run, as the hooks of its events see it.

    Attributes:
        name: the recipe's.
        folder: where the run writes.
        recipe: typed, without components' options: ``run.recipe.train.epochs``.
        resolved: the whole recipe as plain values, with every default filled in.
        labels: the recipe's ``data.labels``.
        device: such as ``cpu`` or ``cuda:0``.
        precision: ``float32`` or ``bfloat16``.
        processes: how many train together.
        train_images: how many are trained on.
        val_images: how many are reported.
        detector: the model that is evaluated and saved; look, but do not change.
    """

    name: str
    folder: RunFiles
    recipe: Any
    resolved: Mapping[str, Any]
    labels: tuple[str, ...]
    device: str
    precision: str
    processes: int
    train_images: int
    val_images: int
    detector: nn.Module
    engine: Any = field(default=None, repr=False)
    """hdf's own run, for `FORMER` names alone."""

    def __getattr__(self, name: str) -> Any:
        if name not in FORMER:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        message = f"run.{name} is no longer given to hooks from {ENDS} on; use {FORMER[name]}"
        warnings.warn(message, DeprecationWarning, stacklevel=2)
        return getattr(self.engine, name)
