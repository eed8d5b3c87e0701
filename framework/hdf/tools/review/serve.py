"""The server: one socket, which only this machine reaches unless another host is given."""

from __future__ import annotations

import errno
import html
import socket
import threading
import webbrowser
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory

import uvicorn
from starlette.types import ASGIApp

from hdf.errors import user_error
from hdf.tools.review.guard import Guard

LOOPBACK = "127.0.0.1"
LOCAL_NAMES = frozenset({"localhost", LOOPBACK, "::1"})


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a host."""
    return host in LOCAL_NAMES or host.startswith("127.")


def open_socket(host: str, port: int) -> socket.socket:
    """A listening socket.

    Args:
        port: 0 for any free port.

    Raises:
        UserError: the port is in use, or this machine has no such host.
    """
    place = f"{host}:{port}"
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise user_error(f"no such host: {error.strerror}", place) from error
    listening = socket.socket(family, kind)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(address)
        listening.listen(128)
    except OSError as error:
        listening.close()
        reason = f"can't listen here: {error.strerror}"
        if error.errno == errno.EADDRINUSE:
            reason = "this port is in use; give another --port, or 0 for any free one"
        raise user_error(reason, place) from error
    return listening


def address_of(host: str, listening: socket.socket, token: str) -> str:
    """The address to open; for a wildcard host, that of this machine."""
    name = LOOPBACK if _is_wildcard(host) else host
    port = listening.getsockname()[1]
    return f"http://{f'[{name}]' if ':' in name else name}:{port}/{token}/"


def make_server(app: ASGIApp, host: str, token: str) -> uvicorn.Server:
    """A server that answers below ``/TOKEN/`` only; its `run(sockets=[…])` returns at Ctrl-C."""
    names = None if _is_wildcard(host) else LOCAL_NAMES | {host}
    config = uvicorn.Config(
        Guard(app, token, names),
        http="h11",
        ws="none",
        lifespan="off",
        loop="asyncio",
        log_level="warning",
        access_log=False,  # addresses hold the token
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=1,
    )
    return uvicorn.Server(config)


def show(address: str) -> Callable[[], None]:
    """Open a browser; the returned function removes the page that redirects it to the address.

    The address is secret, but command lines are not: the browser opens a file instead.
    """
    folder = TemporaryDirectory(prefix="hdf-review-")
    page = Path(folder.name) / "open.html"
    page.write_text(f'<meta http-equiv="refresh" content="0; url={html.escape(address)}">')
    threading.Thread(target=webbrowser.open, args=(page.as_uri(),), daemon=True).start()
    return folder.cleanup


def _is_wildcard(host: str) -> bool:
    try:
        return ip_address(host).is_unspecified
    except ValueError:
        return False
