"""Pretrained weights: hdf's own, torchvision's or a local state dict, fitted to a backbone."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Literal

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from hdf.errors import UserError, user_error
from hdf.files import misfits
from hdf_plugins.backbones.eight_bits import from_eight_bits
from hdf_plugins.backbones.imagenet import imagenet_file

SHIPPED = Path(__file__).parent / "pretrained"

SUFFIXES = (".safetensors", ".pth", ".pt")
CLASSIFIERS = ("classifier.", "fc.")
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

Weights = Literal["none", "imagenet", "phantom"] | Path
"""A start by name, or the path of a state dict."""
Normalization = tuple[tuple[float, ...] | None, tuple[float, ...] | None]


def check_source(weights: Weights, name: str) -> None:
    """Refuse what is neither the name of pretrained weights nor the path of a weight file.

    Args:
        name: torchvision's name of the architecture, such as ``vgg16_bn``.

    Raises:
        ValueError: with what was expected.
    """
    known = ["none", "imagenet", *(["phantom"] if _phantom_file(name).is_file() else [])]
    if weights in known or str(weights).endswith(SUFFIXES):
        return
    elsewhere = f" (phantom weights exist for {', '.join(_phantom_names())} alone, not for {name})"
    raise ValueError(
        f"weights is {', '.join(known)} or the path of a file that ends in "
        f"{', '.join(SUFFIXES)}, not {str(weights)!r}{elsewhere if weights == 'phantom' else ''}"
    )


def _phantom_file(name: str) -> Path:
    return SHIPPED / f"{name}-phantom.safetensors"


def _phantom_names() -> list[str]:
    return sorted(path.stem.removesuffix("-phantom") for path in SHIPPED.glob("*.safetensors"))


def _weight_file(weights: Weights, name: str) -> Path:
    if weights == "imagenet":
        return imagenet_file(name)
    return _phantom_file(name) if weights == "phantom" else Path(weights).expanduser()


def load_pretrained(model: nn.Module, weights: Weights, name: str, *, first: str) -> Normalization:
    """Load weights into `model`, whose parameters have torchvision's names.

    Args:
        model: the layers to fill; what the file holds of a classifier is left out.
        weights: ``imagenet``, ``phantom``, or the path of a state dict.
        name: torchvision's name of the architecture, such as ``vgg16_bn``.
        first: the first convolution's weight. It is adapted to the model's input channels: filters
            for RGB are summed for grey images, so that they answer as to the same grey thrice.

    Returns:
        The mean and standard deviation, per input channel, which the weights expect of images in
        [0, 1]. ImageNet's where the file was made for RGB (their averages for grey images), else
        None: such weights were trained on radiographs as they come.

    Raises:
        hdf.UserError: nothing to download from, or the file is missing, unreadable or unfit.
    """
    path = _weight_file(weights, name)
    expected = model.state_dict()
    state = from_eight_bits(read_state(path))
    state = {k: v for k, v in state.items() if not k.startswith(CLASSIFIERS)}
    channels = expected[first].shape[1]
    made_for_rgb = first in state and state[first].shape[1:2] == (3,)
    if first in state and state[first].ndim == 4:
        state[first] = _adapt_channels(state[first], channels)
    refuse_misfits(expected, state, f"torchvision's {name}", path)
    model.load_state_dict(state)
    return averaged(IMAGENET_MEAN, IMAGENET_STD, channels) if made_for_rgb else (None, None)


def read_state(path: Path) -> dict[str, Tensor]:
    """Tensors by name from a ``.safetensors`` or ``.pth`` file, never anything but tensors.

    Raises:
        hdf.UserError: the file is missing, unreadable, or holds other objects.
    """
    if not path.is_file():
        raise user_error(f"there is no weight file {path}")
    try:
        state = _read(path)
    except pickle.UnpicklingError as error:
        raise _refused(path) from error
    except Exception as error:  # a damaged archive raises almost anything
        raise user_error(
            f"can't read the weights in {path}: {brief(error)}. "
            "The file is damaged or of another format: replace it"
        ) from error
    if not _holds_tensors(state):
        raise _refused(path)
    return state


def _holds_tensors(state: object) -> bool:
    return isinstance(state, dict) and all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in state.items()
    )


def _read(path: Path) -> dict[str, Tensor]:
    if path.suffix == ".safetensors":
        return load_file(path)
    state: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return state


def _refused(path: Path) -> UserError:
    return user_error(
        f"{path} is not a plain state dict (tensors by name), and nothing else is read, because "
        "unpickling objects can run code. Save it with "
        "torch.save(model.state_dict(), path) or as safetensors"
    )


def brief(error: Exception) -> str:
    """The first line of what an error says, or its kind."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _adapt_channels(filters: Tensor, channels: int) -> Tensor:
    change = (filters.shape[1], channels)
    if change == (3, 1):
        return filters.sum(1, keepdim=True)
    if change == (1, 3):
        return filters.expand(-1, 3, -1, -1) / 3
    return filters


def averaged(
    mean: tuple[float, ...], std: tuple[float, ...], channels: int
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """What weights for RGB expect of images with so many channels: one average for grey ones."""
    if channels == 1:
        return (sum(mean) / len(mean),), (sum(std) / len(std),)
    return mean, std


def refuse_misfits(
    expected: dict[str, Tensor], state: dict[str, Tensor], model: str, path: Path
) -> None:
    """Refuse a file's tensors where they are not those of a model.

    Raises:
        hdf.UserError: with the first names that are missing, unexpected or of another shape.
    """
    # Files older than PyTorch 0.4 have no batch counters, and nothing needs them.
    counters = {k: v for k, v in expected.items() if k.endswith("num_batches_tracked")}
    if found := misfits(expected, counters | state):
        raise user_error(
            f"the weights in {path} do not fit: {found}. Expected the parameters of {model}: "
            "give a file of that architecture, or change the backbone and its options"
        )
