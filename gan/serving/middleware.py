"""Around every request: its Host header is checked, the metrics are told, and the answer gets headers that keep a
browser from the outside.

HEAD is answered as GET is, without the body, whatever it asks for: so do some probes. Redirects are relative, since a
proxy may have taken a prefix off the path.

The page loads nothing from other hosts, runs no script that is written into it, submits no form and is part of no other
page, and the browser is told so.
"""

import asyncio
import logging
import re
import time
from collections.abc import Callable, Collection
from urllib.parse import urlsplit, urlunsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger(__name__)

HEADERS = {
    # The last three do not fall back on default-src: each has to be named.
    "Content-Security-Policy": "default-src 'self'; img-src 'self' blob: data:; object-src 'none'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    # Asked for anew each time, with the tag of the last answer: a page and a model that are replaced are seen.
    "Cache-Control": "no-cache",
}


TOO_LARGE = "the body is too large; api/model has the limits"
ENDED = "the server is shutting down; ask another one"


class Around:
    """Args:
    app: what answers.
    largest_body: bytes; a request that says it has more is not let in; what says nothing is read as far as that.
    observe: told the route's path, the status and the seconds of each request.
    host_names: the only ones that a request may have in its Host header, in lower case; None: any.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        largest_body: int,
        observe: Callable[[str, int, float], None],
        host_names: Collection[str] | None = None,
    ) -> None:
        self.app = app
        self.largest_body = largest_body
        self.observe = observe
        self.host_names = host_names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        without_body = scope.get("method") == "HEAD"
        if without_body:
            scope = {**scope, "method": "GET"}
        status = None
        started = time.perf_counter()

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                if "location" in headers:
                    headers["location"] = _relative(headers["location"], scope)
            elif without_body:
                message = {**message, "body": b""}
            await send(message)

        received = 0

        async def receive_counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self.largest_body:
                raise HTTPException(413)
            return message

        app = self.app
        if self.host_names is not None and _host_name(scope) not in self.host_names:
            app = JSONResponse({"detail": self._misdirected(scope)}, 421)
        elif _body_length(scope) > self.largest_body:
            app = JSONResponse({"detail": TOO_LARGE}, 413)
        try:
            await app(scope, receive_counted, send_with_headers)
        except asyncio.CancelledError:  # So ends a request that is still coming in when the server has waited enough.
            log.warning("a request to %s was given up: it had not come in by the end", scope["path"])
            if status is None:
                await JSONResponse({"detail": ENDED}, 503)(scope, receive, send_with_headers)
        finally:
            self.observe(_route(scope), status or 500, time.perf_counter() - started)

    def _misdirected(self, scope: Scope) -> str:
        """Why a request is not answered by the name that it calls this server."""
        found = ascii(Headers(scope=scope).get("host", ""))[:80]
        expected = ", ".join(self.host_names or ())
        return f"the header Host is {found}; expected {expected}: ./serve.py --allow-host NAME adds a name"


def _host_name(scope: Scope) -> str:
    """The name or address that a request calls the server by, without the port; empty where there is none.

    Starlette's TrustedHostMiddleware would do, but for its words, which do not say what to do.
    """
    match = re.fullmatch(r"(\[[0-9a-f:.]+\]|[^][:/@]+)(:[0-9]*)?", Headers(scope=scope).get("host", "").lower())
    return match[1] if match else ""


def _relative(location: str, scope: Scope) -> str:
    """A redirect to a place of this server, as seen from where a request was sent to: `../docs` from `/docs/`."""
    target = urlsplit(location)
    up = "../" * (scope["raw_path"].count(b"/") - 1)
    return urlunsplit(("", "", up + target.path.removeprefix("/"), target.query, ""))


def _body_length(scope: Scope) -> int:
    """Bytes, as the request says; 0 where it does not."""
    text = Headers(scope=scope).get("content-length", "")
    return int(text) if text.isdecimal() and len(text) < 20 else 0


def _route(scope: Scope) -> str:
    """The path of the API's route that answered, `page` for a file, or `other`."""
    path = getattr(scope.get("route"), "path", "")
    return path or ("page" if "endpoint" in scope else "other")
