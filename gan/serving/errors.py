"""Errors as one line that a person understands: `{"detail": "labels has 9 weights; expected 10, one a class"}`.

Whatever a client sent, the line is short and can be sent back: no megabytes, no NaN, no line ends.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from gan.serving.middleware import TOO_LARGE
from gan.serving.schemas import Error

LONGEST = 300

_UNITS = {"labels": "weights", "style": "numbers", "images": "images"}
_KINDS = {bool: "true or false", str: "text", list: "a list", dict: "an object", type(None): "null"}
_EXPECTED = {
    "float_type": "a number",
    "int_type": "an integer",
    "int_parsing": "an integer",
    "int_parsing_size": "an integer from 0 to 2147483647",
    "int_from_float": "an integer",
    "list_type": "a list",
    "finite_number": "a finite number",
    "model_type": "an object",
    "model_attributes_type": "an object",
    "dict_type": "an object",
}

_TITLES = {
    400: "the body cannot be read as JSON: it is too deep, has too many parts or too long a number, or is not UTF-8",
    404: "there is nothing here; the page docs shows what there is",
    413: TOO_LARGE,
}

# The documented answers, for OpenAPI.
RESPONSES: dict[int | str, dict[str, Any]] = {
    413: {"model": Error, "description": "The body is too large"},
    422: {"model": Error, "description": "The request is not as the schema says"},
    500: {"model": Error, "description": "The network failed"},
    503: {
        "model": Error,
        "description": "Too many images wait, or the model is not ready: ask again",
        "headers": {"Retry-After": {"description": "seconds", "schema": {"type": "integer"}}},
    },
}


def explain(errors: Sequence[Mapping[str, Any]]) -> str:
    """What pydantic found wrong first, in one line."""
    error = errors[0]
    where, kind, context = _place(error["loc"]), error["type"], error.get("ctx", {})
    found = error.get("input")
    if kind == "value_error":
        parent = where.rpartition(".")[0] if where.endswith("labels") else where
        prefix = "" if parent in ("", "the body") else f"{parent}: "
        return one_line(f"{prefix}{context['error']}")
    if kind == "missing":
        return one_line(f"{where} is missing; the page docs shows what is expected")
    if kind == "json_invalid":
        return one_line(f"the body is not JSON: {context['error']} at character {error['loc'][-1]}")
    if kind in ("too_short", "too_long"):
        return one_line(f"{where} has {_counted(where, context)}")
    if isinstance(found, bytes):
        return "the body is not taken for JSON; expected the header Content-Type: application/json"
    expected = _EXPECTED.get(kind) or _bound(kind, context)
    if expected is None:
        return one_line(f"{where}: {error['msg']}")
    return one_line(f"{where} is {_shown(found)}; expected {expected}")


def one_line(text: str) -> str:
    """Text that fits into an answer, whatever is in it."""
    text = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text[:LONGEST])
    return text.encode("utf-8", "backslashreplace").decode()


def add_error_handlers(app: FastAPI) -> None:
    """Let every error of an app be an `Error`."""

    def invalid(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        return JSONResponse({"detail": explain(error.errors())}, 422)

    def failed(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        detail = _TITLES.get(error.status_code, str(error.detail))
        if error.status_code == 405:
            found = (error.headers or {}).get("Allow", "GET")
            allowed = "GET, HEAD" if "GET" in found else found  # What answers one answers the other.
            error.headers = {"Allow": allowed}
            detail = f"{one_line(request.method)[:20]} is not possible here; expected {allowed}"
        # FastAPI's answer to a body that Python's parser gives up on is 400; here bad input is 422.
        status = 422 if error.status_code == 400 else error.status_code
        return JSONResponse({"detail": detail}, status, headers=error.headers)

    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, failed)


def _place(location: Sequence[str | int]) -> str:
    """`images[3].labels[0]` of ("body", "images", 3, "labels", 0)."""
    place = ""
    for part in location[1:]:
        place += f"[{part}]" if isinstance(part, int) else f".{part}" if place else str(part)
    return place or "the body"


def _counted(where: str, context: Mapping[str, Any]) -> str:
    name = where.rpartition(".")[2]
    least, most = context.get("min_length"), context.get("max_length")
    if name == "labels":
        expected = f"{least or most}, one a class"
    elif name == "style":
        expected = f"{least or most}"
    else:
        expected = f"at least {least}" if most is None else f"at most {most}"
    return f"{context['actual_length']} {_UNITS.get(name, 'items')}; expected {expected}"


def _bound(kind: str, context: Mapping[str, Any]) -> str | None:
    if kind == "literal_error":
        return str(context["expected"])
    if kind == "greater_than_equal":
        return f"at least {context['ge']:g}"
    if kind == "less_than_equal":
        return f"at most {context['le']:.15g}"
    return None


def _shown(value: Any) -> str:
    """A number as it is, of anything else what it is."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if isinstance(value, int) and abs(value) >= 10**15:
            return "a number too large"
        return f"{value:g}" if math.isfinite(value) and isinstance(value, float) else str(value)
    if isinstance(value, str) and len(value) <= 20:
        return ascii(value)
    return _KINDS.get(type(value), "something else")
