"""The typed form of a recipe, without the components' own options."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import (
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    ValidationInfo,
    field_validator,
)

from hdf.recipe.splits import Split, Strict, Use

Pixels = Annotated[int, Field(ge=16, le=4096)]


class Data(Strict):
    """Which images, how they are placed into the network's image, and how they are split.

    Attributes:
        loader: the component that lists the samples.
        labels: the structures to find, in order.
        image_size: the network's image, (height, width) in pixels.
        resize: ``letterbox`` keeps the aspect ratio and pads with black, ``stretch`` does not.
        split: training and validation.
        box_bounds: what a box bounds when its image is rotated or sheared: the ``ellipse``
            inscribed in it, the whole ``rectangle``, or the ``mask`` where the loader has one.
        store: where decoded images are kept: ``auto`` (the cache folder, for images that files
            hold), ``memory``, or a folder.
        on_bad: whether a sample that can't be used is an ``error``, or is left out (``skip``).
    """

    loader: Use
    labels: Annotated[tuple[str, ...], Field(min_length=1)] = ("heart",)
    image_size: tuple[Pixels, Pixels] = (224, 224)
    resize: Literal["letterbox", "stretch"] = "letterbox"
    split: Split
    box_bounds: Literal["ellipse", "rectangle", "mask"] = "ellipse"
    store: Annotated[str, Field(min_length=1)] = "auto"
    on_bad: Literal["error", "skip"] = "error"

    @field_validator("labels")
    @classmethod
    def _labels_differ(cls, labels: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(labels)) < len(labels):
            raise ValueError(f"labels are repeated: {', '.join(labels)}")
        return labels


class Model(Strict):
    """The detector.

    Attributes:
        backbone: the component that makes feature maps.
        head: the component that makes boxes of them.
        normalize: ``image`` brings each image to zero mean and unit spread, ``robust`` does so for
            its pixels that are neither black nor white, ``fixed`` uses the mean and spread that the
            backbone states (0.5 and 0.25 where it states none).
    """

    backbone: Use
    head: Use
    normalize: Literal["image", "robust", "fixed"] = "image"


Beta = Annotated[float, Field(ge=0, lt=1)]
Rate = Annotated[float, Field(gt=0, le=10)]
"""A step of Adam changes each weight by about the rate."""


class Adam(Strict):
    """Adam (Kingma and Ba 2015), fused.

    Attributes:
        lr: the rate of the steps.
        betas: decay of the mean of gradients, and of the mean of their squares.
        weight_decay: added to gradients, times the weights.
    """

    use: Literal["adam"]
    lr: Rate = 1e-4
    betas: tuple[Beta, Beta] = (0.9, 0.999)
    weight_decay: NonNegativeFloat = 0.0


class AdamW(Strict):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019), fused.

    Attributes:
        lr: the rate of the steps.
        betas: decay of the mean of gradients, and of the mean of their squares.
        weight_decay: taken off the weights, times the weights and the rate.
    """

    use: Literal["adamw"]
    lr: Rate = 1e-4
    betas: tuple[Beta, Beta] = (0.9, 0.999)
    weight_decay: NonNegativeFloat = 0.01


class SGD(Strict):
    """Stochastic gradient descent with momentum, fused.

    Attributes:
        lr: the rate of the steps.
        momentum: how much of the step before goes into each step.
        nesterov: whether the gradient is taken where the momentum leads.
        weight_decay: added to gradients, times the weights.
    """

    use: Literal["sgd"]
    lr: Annotated[float, Field(gt=0, le=1000)] = 1e-2
    momentum: Beta = 0.9
    nesterov: bool = False
    weight_decay: NonNegativeFloat = 0.0

    @field_validator("nesterov")
    @classmethod
    def _nesterov_has_momentum(cls, nesterov: bool, known: ValidationInfo) -> bool:
        if nesterov and not known.data.get("momentum", True):
            raise ValueError("nesterov needs a momentum above 0")
        return nesterov


Optimizer = Annotated[Adam | AdamW | SGD, Field(discriminator="use")]
Portion = Annotated[float, Field(ge=0, lt=1)]


class Constant(Strict):
    """The optimiser's rate, after a linear warm-up over the first `warmup` of all steps.

    Attributes:
        warmup: the part of all steps in which the rate rises from nothing.
    """

    use: Literal["constant"]
    warmup: Portion = 0.0


class Cosine(Strict):
    """A linear warm-up over the first `warmup` of all steps, then half a cosine to `final` times
    the rate (Loshchilov and Hutter 2017).

    Attributes:
        warmup: the part of all steps in which the rate rises from nothing.
        final: the last step's rate, as a part of the optimiser's.
    """

    use: Literal["cosine"]
    warmup: Portion = 0.05
    final: Annotated[float, Field(ge=0, le=1)] = 0.0


class OneCycle(Strict):
    """From 1/25 of the rate up to it over the first `warmup` of all steps and down to nearly
    nothing, both along half a cosine (Smith and Topin 2018).

    Attributes:
        warmup: the part of all steps in which the rate rises.
    """

    use: Literal["one_cycle"]
    warmup: Portion = 0.3


Schedule = Annotated[Constant | Cosine | OneCycle, Field(discriminator="use")]


class EarlyStopping(Strict):
    """End `patience` epochs after the best value of `metric`, which chooses ``best`` as well.

    Attributes:
        metric: what the inner split is judged by.
        patience: epochs without a better value.
    """

    metric: Literal["inner_iou_mean", "inner_loss"] = "inner_iou_mean"
    patience: PositiveInt = 10


class Train(Strict):
    """How the detector learns.

    Attributes:
        epochs: passes over the training images.
        batch_size: images a step.
        precision: ``auto`` takes bfloat16 where the processor or GPU computes in it.
        device: ``auto`` takes a CUDA GPU where there is one.
        optimizer: ``adam``, ``adamw`` or ``sgd``.
        schedule: ``constant``, ``cosine`` or ``one_cycle``.
        backbone_lr: factor on the rate of the backbone's parameters.
        layer_decay: factor on the rate from one of the backbone's stages to the one before it.
        clip_norm: the largest norm of a step's gradient, over all parameters together.
        ema: decay of an average of the weights, which is evaluated and saved; 0 for none.
        validate_every: epochs from one validation to the next; the last epoch always validates.
        early_stopping: ends training when the inner split has not improved for a while.
        init_from: a model file, or the folder of a run, whose weights training starts from.
        cache_features: whether the maps of a backbone that learns nothing are kept, for images
            that no augmentation changes.
        compile: whether torch compiles the detector before it learns.
        checkpoint_minutes: from one checkpoint to the next within an epoch; each epoch ends with
            one.
        on_not_finite: what becomes of a batch whose loss is no finite number: the end of the run,
            or no step.
    """

    epochs: PositiveInt = 25
    batch_size: PositiveInt = 32
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    device: Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:\d+)?|mps)$")] = "auto"
    optimizer: Optimizer
    schedule: Schedule
    backbone_lr: PositiveFloat = 1.0
    layer_decay: Annotated[float, Field(gt=0, le=1)] = 1.0
    clip_norm: PositiveFloat | None = None
    ema: Portion = 0.0
    validate_every: PositiveInt = 1
    early_stopping: EarlyStopping | None = None
    init_from: Annotated[str, Field(min_length=1)] | None = None
    cache_features: bool = True
    compile: bool = False
    checkpoint_minutes: PositiveFloat = 10.0
    on_not_finite: Literal["stop", "skip"] = "stop"


Uses = Annotated[tuple[Use, ...], Field(max_length=100)]
"""Each is built and tried; far more would keep a stranger's recipe busy for minutes."""


class Recipe(Strict):
    """A whole recipe.

    Attributes:
        name: the folder below ``runs/``; the file's name if left out.
        seed: of everything random, from weights to augmentation.
        deterministic: whether operations that don't repeat their results to the bit are avoided.
        data: which images, how they are placed, and how they are split.
        augment: what happens to training images, in order.
        model: the detector.
        train: how the detector learns.
        visualize: what is drawn of the validation images.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    deterministic: bool = False
    data: Data
    augment: Uses = ()
    model: Model
    train: Train
    visualize: Uses = ()


DEFAULTS = """
data: {split: {val: 0.2}}
model: {backbone: {use: vgg16}, head: {use: box_regression}}
train: {optimizer: {use: adam}, schedule: {use: constant}}
"""
"""Below every recipe, so that a recipe may change a part of what it does not name."""
