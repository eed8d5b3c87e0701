"""Pretrained weights: hdf's own, torchvision's, timm's or a local file, fitted to a backbone.

ImageNet's are in the cache of torch.hub or of Hugging Face, or are downloaded to it.
"""

from __future__ import annotations

import pickle
import socket
import sys
from pathlib import Path
from threading import Thread
from typing import Any, Literal
from urllib.parse import urlparse
from urllib.request import Request, urlopen

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from hdf.errors import user_error
from hdf.files import misfits
from hdf_plugins.backbones.eight_bits import from_eight_bits

SHIPPED = Path(__file__).parent / "pretrained"

SUFFIXES = (".safetensors", ".pth", ".pt")
CLASSIFIERS = ("classifier.", "fc.")
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

CONNECT_SECONDS = 6.0
STALL_SECONDS = 30.0

Weights = Literal["none", "imagenet", "phantom"] | Path
"""A start by name, or the path of a state dict."""
Normalization = tuple[tuple[float, ...] | None, tuple[float, ...] | None]


def check_source(weights: Weights, name: str) -> None:
    """Refuse, by a ValueError, what is neither weights of `name` nor the path of a weight file."""
    own = _shipped()
    known = ["none", "imagenet", *(["phantom"] if name in own else [])]
    if weights in known or str(weights).endswith(SUFFIXES):
        return
    elsewhere = f" (phantom weights exist for {', '.join(sorted(own))} alone, not for {name})"
    raise ValueError(
        f"weights is {', '.join(known)} or the path of a file that ends in "
        f"{', '.join(SUFFIXES)}, not {str(weights)!r}{elsewhere if weights == 'phantom' else ''}"
    )


def _shipped() -> dict[str, Path]:
    """The weights inside the package, by the architecture that they fit."""
    return {path.stem.removesuffix("-phantom"): path for path in SHIPPED.glob("*.safetensors")}


def load_pretrained(model: nn.Module, weights: Weights, name: str) -> Normalization:
    """Load weights into `model`, whose parameters have torchvision's names.

    What the file holds of a classifier is left out. The first convolution is adapted to the model's
    input channels: filters for RGB are summed for grey images, so that they answer as to the same
    grey thrice.

    Args:
        model: the layers to fill, of which the first convolution is the first.
        weights: ``imagenet``, ``phantom``, or the path of a state dict.
        name: torchvision's name of the architecture.

    Returns:
        The mean and standard deviation, per input channel, which the weights expect of images in
        [0, 1]: ImageNet's where the file was made for RGB (averaged for grey images), else None.

    Raises:
        hdf.UserError: nothing to download from, or the file is missing, unreadable or unfit.
    """
    if weights == "imagenet":
        path = imagenet_file(name)
    else:
        path = _shipped()[name] if weights == "phantom" else Path(weights)
    expected = model.state_dict()
    state = from_eight_bits(read_state(path))
    state = {k: v for k, v in state.items() if not k.startswith(CLASSIFIERS)}
    first = next(iter(expected))
    channels, *kernel = expected[first].shape[1:]
    made_for_rgb = first in state and state[first].shape[1:] == (3, *kernel)
    if made_for_rgb and channels == 1:
        state[first] = state[first].sum(1, keepdim=True)
    elif channels == 3 and first in state and state[first].shape[1:] == (1, *kernel):
        state[first] = state[first].expand(-1, 3, -1, -1) / 3
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
        if path.suffix == ".safetensors":
            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        state = None
    except Exception as error:  # a damaged archive raises almost anything
        raise user_error(
            f"can't read the weights in {path}: {brief(error)}. "
            "The file is damaged or of another format: replace it"
        ) from error
    if not isinstance(state, dict) or not all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in state.items()
    ):
        raise user_error(
            f"{path} is not a plain state dict (tensors by name), and nothing else is read, "
            "because unpickling objects can run code. Save it with "
            "torch.save(model.state_dict(), path) or as safetensors"
        )
    return state


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
    """Refuse, by a UserError, a file's tensors that are not those of a model."""
    # Files older than PyTorch 0.4 have no batch counters, and nothing needs them.
    counters = {k: v for k, v in expected.items() if k.endswith("num_batches_tracked")}
    if found := misfits(expected, counters | state):
        raise user_error(
            f"the weights in {path} do not fit: {found}. Expected the parameters of {model}: "
            "give a file of that architecture, or change the backbone and its options"
        )


def imagenet_file(name: str) -> Path:
    """The local file of torchvision's first ImageNet weights of its architecture `name`.

    Raises:
        hdf.UserError: the file is not in the cache and can't be downloaded.
    """
    from torchvision.models import get_model_weights  # not above: nothing else needs torchvision

    url: str = get_model_weights(name)["IMAGENET1K_V1"].url
    path = Path(torch.hub.get_dir(), "checkpoints", Path(urlparse(url).path).name)
    if not path.exists():
        try:
            _download(url, path)
        except (OSError, RuntimeError) as error:  # RuntimeError: the checksum differs
            raise user_error(
                f"can't download the imagenet weights of {name}: {error}. "
                f"Download {url} and put it at {path}, "
                f"or give a local file: model.backbone.weights=/path/to/{name}.pth"
            ) from error
    return path


def _download(url: str, path: Path) -> None:
    check_reachable(url)
    path.parent.mkdir(parents=True, exist_ok=True)
    print(f"downloading {url} to {path}", file=sys.stderr)
    checksum, before = path.stem.rpartition("-")[2], socket.getdefaulttimeout()
    socket.setdefaulttimeout(STALL_SECONDS)
    try:
        torch.hub.download_url_to_file(url, str(path), checksum, progress=sys.stderr.isatty())
    finally:
        socket.setdefaulttimeout(before)


def hub_file(name: str, about: Any) -> Path:
    """The local file of the weights that timm offers for a model, by timm's `PretrainedCfg` of it.

    Raises:
        hdf.UserError: there are none, or they are not in the cache and can't be downloaded.
    """
    import huggingface_hub  # comes with timm

    if not about.hf_hub_id:
        raise user_error(f"timm offers no weights for {name}: take weights: none, or a local file")
    place = (about.hf_hub_id, about.hf_hub_filename or "model.safetensors")
    cached = huggingface_hub.try_to_load_from_cache(*place)
    if isinstance(cached, str):
        return Path(cached)
    url = huggingface_hub.hf_hub_url(*place)
    try:
        # Not left to huggingface_hub: without a connection it tries again for half a minute.
        check_reachable(huggingface_hub.constants.ENDPOINT)
        print(f"downloading {url}", file=sys.stderr)
        return Path(huggingface_hub.hf_hub_download(*place))
    except Exception as error:  # of its own kinds, and of those of the library below it
        raise user_error(
            f"can't download the imagenet weights of {name}: {brief(error)}. Download {url} "
            f"and give it as a local file: model.backbone.weights=/path/to/{name}.safetensors"
        ) from error


def check_reachable(url: str, seconds: float = CONNECT_SECONDS) -> None:
    """Ask for the header of `url`, within a limit of time.

    Raises:
        OSError: there is no answer, or it is an error.
    """
    failures: list[Exception] = []

    def ask() -> None:
        try:
            urlopen(Request(url, method="HEAD"), timeout=seconds).close()
        except Exception as error:  # handed to the thread that waits
            failures.append(error)

    # A socket's timeout covers neither the name look-up nor the sum over a host's addresses.
    thread = Thread(target=ask, daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise TimeoutError(f"no answer within {seconds:g} s")
    if failures:
        raise OSError(str(failures[0])) from failures[0]


def brief(error: Exception) -> str:
    """The first line of what an error says, or its kind."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
