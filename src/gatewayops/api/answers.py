"""How the control API says no: every error is `{"error": code, "reason": reason, "message": detail}`."""

import logging
from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from gatewayops.base.errors import GatewayOpsError, InvalidInput, NotFound, Reason, TooLarge

_LOG = logging.getLogger(__name__)


class ErrorBody(BaseModel):
    """Every answer that is not what was asked for."""

    error: str = Field(examples=["invalid_request"])
    reason: Reason
    message: str = Field(description="what to do about it")


_CONTENT = {"application/json": {"schema": {"$ref": f"#/components/schemas/{ErrorBody.__name__}"}}}
# What any operation may answer besides, as the OpenAPI document says it.
_DOCUMENTED: dict[int | str, dict[str, Any]] = {
    "4XX": {
        "content": _CONTENT,
        "description": "400 the request makes no sense, 401 no valid key, 403 not allowed, 404 no such, "
        "409 it conflicts with what is there, 413 too large, 429 too many.",
    },
    503: {"content": _CONTENT, "description": "A part of ours is not there right now; try again."},
}
# And one that asks an MCP server; these bring the body's schema into the document.
OF_A_SERVER: dict[int | str, dict[str, Any]] = {
    502: {"model": ErrorBody, "description": "The MCP server failed or could not be reached."},
    504: {"model": ErrorBody, "description": "The MCP server did not answer in time."},
}


class MethodNotAllowed(InvalidInput):
    """The path exists, the method does not."""

    status = 405
    code = "method_not_allowed"
    reason = Reason.METHOD_NOT_ALLOWED


def document(route: APIRoute) -> None:
    """The OpenAPI document says of the operation how it may refuse."""
    route.responses = _DOCUMENTED | route.responses


def install(app: FastAPI) -> None:
    """Every failure of every route ends in one of these."""
    app.add_exception_handler(GatewayOpsError, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


def answer(error: GatewayOpsError) -> JSONResponse:
    """The documented body; a challenge with 401, a hint when to come back with 429 and 503."""
    headers = {
        401: {"WWW-Authenticate": "Bearer"},
        429: {"Retry-After": "10"},
        503: {"Retry-After": "1"},
    }.get(error.status, {}) | dict(error.headers)
    body = {"error": error.code, "reason": error.reason, "message": error.detail, **error.extra}
    return JSONResponse(body, status_code=error.status, headers=headers)


async def _refused(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, GatewayOpsError)
    if error.status == 500:
        _LOG.error("a request failed", exc_info=error)
        return answer(GatewayOpsError("something of ours failed; the log has more"))
    return answer(error)


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    kind = request.headers.get("content-type", "")
    if error.errors()[0]["loc"] == ("body",) and "json" not in kind:
        return answer(InvalidInput("the body: send JSON, with Content-Type: application/json"))
    return answer(_described(error.errors()))


def _described(faults: Sequence[Any]) -> InvalidInput:
    """The first fault with its field; never the value, which may be a secret."""
    fault = faults[0]
    if fault["type"] == "json_invalid":
        return InvalidInput("the body is not JSON", Reason.MALFORMED_JSON)
    field = ".".join(str(part) for part in fault["loc"][1:]) or "the body"
    return InvalidInput(f"{field}: {fault['msg'].removeprefix('Value error, ')}")


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    match error.status_code:
        case 404:
            return answer(NotFound(f"there is nothing at {request.url.path}"))
        case 405:
            refused = answer(MethodNotAllowed(f"{request.url.path} does not take {request.method}"))
            refused.headers.update(error.headers or {})
            return refused
        case 413:
            return answer(TooLarge("the body is too large"))
        case _:
            return answer(InvalidInput("the request cannot be read"))


async def _unexpected(_request: Request, _error: Exception) -> JSONResponse:
    """Starlette logs the traceback after this."""
    return answer(GatewayOpsError("something of ours failed; the log has more"))
