"""Reading a request's JSON without keeping the event loop from other requests: `BodyRoute`.

    app.router.route_class = BodyRoute

Python's parser holds the interpreter's lock from the first byte to the last, in whatever thread it runs. A long body is
read in another thread, by a parser that comes back to Python, which lets the loop run, for every number.
"""

import json
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import HTTPException, Request, Response
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool

LONG_BODY = 2**17
"""Bytes from which on reading takes longer than some milliseconds."""

MOST_PARTS = 10_000
"""Lists and objects of a body. The largest request has some hundreds; a million of them, all empty, take seconds."""


class JsonRequest(Request):
    """A request whose body is JSON."""

    async def json(self) -> Any:
        """What the body says.

        Raises:
            ValueError: it is no JSON.
            RecursionError: it is too deep.
            HTTPException: it has too many parts.
        """
        body = await self.body()
        if body.count(b"[") + body.count(b"{") > MOST_PARTS:
            raise HTTPException(400)
        return json.loads(body) if len(body) < LONG_BODY else await run_in_threadpool(_read, body)


class BodyRoute(APIRoute):
    """A route of an app whose bodies are read so."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_request(request: Request) -> Response:
            return await handle(JsonRequest(request.scope, request.receive))

        return handle_request


def _read(body: bytes) -> Any:
    # Functions of Python: `float` and `int` themselves are called without a chance for other threads.
    return json.loads(body, parse_float=lambda text: float(text), parse_int=lambda text: int(text))
