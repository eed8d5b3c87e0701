"""Torchvision's ImageNet weights: from torch.hub's cache, else by download."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from urllib.parse import urlparse
from urllib.request import Request, urlopen

import torch

from hdf.errors import user_error

CONNECT_SECONDS = 6.0
STALL_SECONDS = 30.0


def imagenet_file(name: str) -> Path:
    """The local file of torchvision's first ImageNet weights of an architecture.

    Args:
        name: torchvision's name of the architecture, such as ``vgg16_bn``.

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
    checksum = path.stem.rpartition("-")[2]
    with _socket_timeout(STALL_SECONDS):
        torch.hub.download_url_to_file(url, str(path), checksum, progress=sys.stderr.isatty())


def check_reachable(url: str, seconds: float = CONNECT_SECONDS) -> None:
    """Ask for the header of `url`, within a limit of time.

    Raises:
        OSError: there is no answer, or it is an error.
    """
    failures: list[Exception] = []
    # A socket's timeout covers neither the name look-up nor the sum over a host's addresses.
    thread = Thread(target=_ask, args=(url, seconds, failures), daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise TimeoutError(f"no answer within {seconds:g} s")
    if failures:
        raise OSError(str(failures[0])) from failures[0]


def _ask(url: str, seconds: float, failures: list[Exception]) -> None:
    try:
        urlopen(Request(url, method="HEAD"), timeout=seconds).close()
    except Exception as error:  # handed to the thread that waits
        failures.append(error)


@contextmanager
def _socket_timeout(seconds: float) -> Iterator[None]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
