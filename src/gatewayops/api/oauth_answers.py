"""How the OAuth endpoints for clients answer: JSON that nobody keeps, errors as RFC 6749 5.2 writes them."""

from typing import Any
from urllib.parse import parse_qsl

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse

from gatewayops.api.oauth_pages import fault_page
from gatewayops.base.errors import Forbidden, NotFound, Reason, TooLarge
from gatewayops.identity.oauth.authorization import Parameters, check_single, parameters
from gatewayops.identity.oauth.refusals import OAuthRefused, invalid_request

MAX_BODY_BYTES = 64 << 10
_MAX_FIELDS = 60
_NOT_KEPT = {"Cache-Control": "no-store", "Pragma": "no-cache"}


class NotThisBrowser(Forbidden):
    """An authorization request is not this browser's to go on with; a person is shown why."""

    reason = Reason.ORIGIN_NOT_ALLOWED


class NoSuchPage(NotFound):
    """A page that this server does not have, perhaps no longer; a person is shown why."""


def install(app: FastAPI) -> None:
    """A refusal of an OAuth route is not answered as the API's own are."""
    app.add_exception_handler(OAuthRefused, _refused)
    app.add_exception_handler(NotThisBrowser, _shown)
    app.add_exception_handler(NoSuchPage, _shown)


def told(body: dict[str, Any], *, status: int = 200) -> JSONResponse:
    """An answer to a client."""
    return JSONResponse(body, status_code=status, headers=_NOT_KEPT)


async def form_of(request: Request) -> Parameters:
    """The fields of a form, each at most once. Raises OAuthRefused, TooLarge."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        msg = "send the parameters as application/x-www-form-urlencoded"
        raise invalid_request(msg)
    given = parameters(pairs_of(await body_of(request)))
    check_single(given)
    return given


def pairs_of(raw: bytes) -> list[tuple[str, str]]:
    """Of a query or a form. Raises OAuthRefused."""
    try:
        return parse_qsl(
            raw.decode("ascii"), keep_blank_values=True, max_num_fields=_MAX_FIELDS, errors="strict"
        )
    except ValueError as error:
        msg = "the parameters cannot be read"
        raise invalid_request(msg) from error


async def body_of(request: Request) -> bytes:
    """Raises TooLarge."""
    raw = b""
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > MAX_BODY_BYTES:
            msg = f"the body has at most {MAX_BODY_BYTES} bytes"
            raise TooLarge(msg)
    return raw


async def _refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, OAuthRefused)
    answer = told({"error": error.error, "error_description": error.detail}, status=error.status)
    if error.status == 401:
        scheme = (
            "Bearer" if request.headers.get("authorization", "").lower().startswith("bearer") else "Basic"
        )
        answer.headers["WWW-Authenticate"] = f'{scheme} realm="oauth"'
    return answer


async def _shown(request: Request, error: Exception) -> HTMLResponse:
    assert isinstance(error, NotThisBrowser | NoSuchPage)
    return fault_page(error.detail, look=request.state.look, status=error.status)
