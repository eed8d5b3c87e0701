"""Pretrained weights: hdf's own, torchvision's or a local state dict, fitted to a backbone."""

from __future__ import annotations

import pickle
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from hdf.errors import UserError, user_error
from hdf_plugins.backbones.eight_bits import from_eight_bits
from hdf_plugins.backbones.imagenet import imagenet_file

SHIPPED = Path(__file__).parent / "pretrained"

SUFFIXES = (".safetensors", ".pth", ".pt")
CLASSIFIERS = ("classifier.", "fc.")
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

Normalization = tuple[tuple[float, ...] | None, tuple[float, ...] | None]


def check_source(weights: str, name: str) -> None:
    """Refuse what is neither the name of pretrained weights nor the path of a weight file.

    Args:
        name: torchvision's name of the architecture, such as ``vgg16_bn``.

    Raises:
        ValueError: with what was expected.
    """
    known = ["none", "imagenet", *(["phantom"] if _phantom_file(name).is_file() else [])]
    if weights in known or weights.endswith(SUFFIXES):
        return
    elsewhere = f" (phantom weights exist for {', '.join(_phantom_names())} alone, not for {name})"
    raise ValueError(
        f"weights is {', '.join(known)} or the path of a file that ends in "
        f"{', '.join(SUFFIXES)}, not {weights!r}{elsewhere if weights == 'phantom' else ''}"
    )


def _phantom_file(name: str) -> Path:
    return SHIPPED / f"{name}-phantom.safetensors"


def _phantom_names() -> list[str]:
    return sorted(path.stem.removesuffix("-phantom") for path in SHIPPED.glob("*.safetensors"))


def _weight_file(weights: str, name: str) -> Path:
    known = {"imagenet": imagenet_file, "phantom": _phantom_file}
    return known[weights](name) if weights in known else Path(weights).expanduser()


def load_pretrained(model: nn.Module, weights: str, name: str, *, first: str) -> Normalization:
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
    state = from_eight_bits(read_state(path))
    state = {k: v for k, v in state.items() if not k.startswith(CLASSIFIERS)}
    channels = model.state_dict()[first].shape[1]
    made_for_rgb = first in state and state[first].shape[1:2] == (3,)
    if first in state and state[first].ndim == 4:
        state[first] = _adapt_channels(state[first], channels)
    _check_fit(model, state, name, path)
    model.load_state_dict(state)
    return _normalization(channels) if made_for_rgb else (None, None)


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
            f"can't read the weights in {path}: {_brief(error)}. "
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


def _brief(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _adapt_channels(filters: Tensor, channels: int) -> Tensor:
    change = (filters.shape[1], channels)
    if change == (3, 1):
        return filters.sum(1, keepdim=True)
    if change == (1, 3):
        return filters.expand(-1, 3, -1, -1) / 3
    return filters


def _normalization(channels: int) -> Normalization:
    if channels == 1:
        return (sum(IMAGENET_MEAN) / 3,), (sum(IMAGENET_STD) / 3,)
    return IMAGENET_MEAN, IMAGENET_STD


def _check_fit(model: nn.Module, state: dict[str, Tensor], name: str, path: Path) -> None:
    expected = model.state_dict()
    # Files older than PyTorch 0.4 have no batch counters, and nothing needs them.
    missing = [k for k in expected if k not in state and not k.endswith("num_batches_tracked")]
    unexpected = [k for k in state if k not in expected]
    misfit = [
        f"{k} is {_shape(state[k])} instead of {_shape(expected[k])}"
        for k in expected
        if k in state and state[k].shape != expected[k].shape
    ]
    faults = {"missing": missing, "unexpected": unexpected, "of another shape": misfit}
    found = "; ".join(f"{first_of(keys)} ({what})" for what, keys in faults.items() if keys)
    if found:
        raise user_error(
            f"the weights in {path} do not fit: {found}. Expected the parameters of torchvision's "
            f"{name}: give a file of that architecture, or change the backbone and its options"
        )


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "a number"


def first_of(keys: list[str]) -> str:
    """The first three names, and how many more there are."""
    more = len(keys) - 3
    return ", ".join(keys[:3]) + (f" and {more} more" if more > 0 else "")
