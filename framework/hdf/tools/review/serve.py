"""The server, which only the browser with the secret address may use.

Only this machine reaches its socket unless another host is given.
"""

from __future__ import annotations

import errno
import html
import os
import secrets
import socket
import threading
import webbrowser
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import uvicorn
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hdf.errors import user_error

LOOPBACK = "127.0.0.1"
LOCAL_NAMES = frozenset({"localhost", LOOPBACK, "::1"})
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "cache-control": "no-store",  # keeps radiographs out of the browser's cache
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a host."""
    return host in LOCAL_NAMES or host.startswith("127.")


def open_socket(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 is any free one.

    Raises:
        UserError: the port is in use, or this machine has no such host.
    """
    place = f"{host}:{port}"
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise user_error(f"no such host: {error.strerror}", place) from error
    both = family == socket.AF_INET6 and socket.has_dualstack_ipv6()
    try:
        return socket.create_server(address, family=family, dualstack_ipv6=both)
    except OSError as error:
        reason = f"can't listen here: {os.strerror(error.errno or 0)}"
        if error.errno == errno.EADDRINUSE:
            reason = "this port is in use; give another --port, or 0 for any free one"
        raise user_error(reason, place) from error


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


class Guard:
    """Forwards requests below ``/TOKEN/``, without that prefix, and refuses all others.

    An unknown Host is a sign of DNS rebinding; an Origin other than the Host, of another site's
    page.

    Args:
        names: the host names that the server answers to; None for any numeric address.
    """

    def __init__(self, app: ASGIApp, token: str, names: frozenset[str] | None) -> None:
        self.app, self.token, self.names = app, token, names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        token, _, rest = scope["path"].removeprefix("/").partition("/")
        if reason := self._reason(Headers(scope=scope), scope["method"]):
            await PlainTextResponse(reason, 403)(scope, receive, guarded)
        elif not secrets.compare_digest(token.encode(), self.token.encode()):
            text = "Open the address that hdf review printed."
            await PlainTextResponse(text, 404)(scope, receive, guarded)
        else:
            await self.app({**scope, "path": f"/{rest}", "raw_path": None}, receive, guarded)

    def _reason(self, headers: Headers, method: str) -> str:
        host, origin = headers.get("host", ""), headers.get("origin")
        if not self._is_known(host):
            return "This server has another name."
        foreign = origin is not None and urlsplit(origin).netloc != host
        if foreign or (origin is None and method not in ("GET", "HEAD")):
            return "Another site may not do this."
        return ""

    def _is_known(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
            return name in self.names if self.names is not None else bool(ip_address(name))
        except ValueError:
            return False
