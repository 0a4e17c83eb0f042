"""Reading a request's JSON without keeping the event loop from other requests, and nothing left unread: `StrictRoute`.

    app.router.route_class = StrictRoute

Python's parser holds the interpreter's lock from the first byte to the last, in whatever thread it runs. A long body is
read in another thread, by a parser that comes back to Python, which lets the loop run, for every number.
"""

import json
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from fastapi import HTTPException, Request, Response
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool

LONG_BODY = 2**17
"""Bytes from which on reading takes longer than some milliseconds."""

MOST_PARTS = 10_000
"""Lists and objects of a body. The largest request has some hundreds; a million of them, all empty, take seconds."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON, each of whose keys it has once."""
    found = dict(pairs)
    if len(found) < len(pairs):
        ((key, count),) = Counter(key for key, _ in pairs).most_common(1)
        raise HTTPException(422, f"the body has {key[:40]!a} {count} times in an object; expected it once")
    return found


SHORT = json.JSONDecoder(object_pairs_hook=_object)

# Functions of Python: `float` and `int` themselves are called without a chance for other threads.
LONG = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=lambda text: float(text), parse_int=lambda text: int(text)
)


class JsonRequest(Request):
    """A request whose body is JSON."""

    async def json(self) -> Any:
        """What the body says.

        Raises:
            ValueError: it is no JSON.
            RecursionError: it is too deep.
            HTTPException: it has too many parts, or an object has a key twice.
        """
        body = await self.body()
        if body.count(b"[") + body.count(b"{") > MOST_PARTS:
            raise HTTPException(400)
        if len(body) < LONG_BODY:
            return _read(body, SHORT)
        return await run_in_threadpool(_read, body, LONG)


class StrictRoute(APIRoute):
    """A route of an app whose bodies are read so; if it takes anything, no other query is given to it."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        known = [field.alias for field in self.dependant.query_params]
        takes_any = bool(known) or self.body_field is not None

        async def handle_request(request: Request) -> Response:
            if takes_any and request.scope["query_string"]:
                _check_query(request, known)
            return await handle(JsonRequest(request.scope, request.receive))

        return handle_request


def _check_query(request: Request, known: Sequence[str]) -> None:
    names = [name for name, _ in request.query_params.multi_items()]
    expected = f"only {', '.join(known)}" if known else "none: the body says all"
    for name in names:
        if name not in known:
            raise HTTPException(422, f"the query has {name[:40]!a}; expected {expected}")
        if names.count(name) > 1:
            raise HTTPException(422, f"the query has {name} {names.count(name)} times; expected it once")


def _read(body: bytes, decoder: json.JSONDecoder) -> Any:
    return decoder.decode(body.decode("utf-8-sig"))
