"""Access control: the browser with the secret address, and no other site's page in it."""

from __future__ import annotations

import secrets
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

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
