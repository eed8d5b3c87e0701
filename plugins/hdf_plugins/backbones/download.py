"""ImageNet weights of torchvision and timm: from the local cache, else by download."""

from __future__ import annotations

import socket
import sys
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlparse
from urllib.request import Request, urlopen

import torch

from hdf.errors import user_error

CONNECT_SECONDS = 6.0
STALL_SECONDS = 30.0


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
