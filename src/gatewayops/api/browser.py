"""Browsers as callers: the cookie of a session, and the proof that a page of ours sends a change.

A cookie comes along with requests of any page, of sibling subdomains too. So a change needs an Origin that is
ours and the session's form token, which only our own pages can read. The cookie's name begins with `__Host-`:
no other host can set it. On plain http, which is for loopback only, such a cookie cannot be; there it has
another name, and counts nowhere else.
"""

from urllib.parse import urlsplit

from fastapi import Request
from starlette.responses import Response

from gatewayops.api.caller_address import forwarded
from gatewayops.api.parts import parts_of
from gatewayops.base.errors import Forbidden, InvalidInput, Reason
from gatewayops.identity.user_tokens import is_form_token

COOKIE = "__Host-gatewayops"
LOOPBACK_COOKIE = "gatewayops-on-loopback"
TOKEN_HEADER = "x-gatewayops-token"  # noqa: S105 - a header's name
ATTEMPT_COOKIE = "__Host-gatewayops-sso"
LOOPBACK_ATTEMPT_COOKIE = "gatewayops-sso-on-loopback"
_READING = ("GET", "HEAD", "OPTIONS")
_LOOPBACK = frozenset(("localhost", "127.0.0.1", "[::1]"))


def session_cookie(request: Request) -> str:
    """The session's token as the browser sends it; empty when it sends none."""
    if "cookie" not in request.headers:
        return ""
    name = LOOPBACK_COOKIE if _is_plain_loopback(request) else COOKIE
    return request.cookies.get(name, "")


def set_session_cookie(request: Request, response: Response, token: str, *, seconds: int) -> None:
    """The browser keeps it until then, and scripts never see it."""
    _set(request, response, (COOKIE, LOOPBACK_COOKIE), token, seconds=seconds)


def attempt_cookie(request: Request) -> str:
    """What binds sign-ins at identity providers to this browser; empty when it has none."""
    return request.cookies.get(LOOPBACK_ATTEMPT_COOKIE if _is_plain_loopback(request) else ATTEMPT_COOKIE, "")


def set_attempt_cookie(request: Request, response: Response, secret: str, *, seconds: int) -> None:
    """It comes back with the provider's redirect, which is a GET of the whole window."""
    _set(request, response, (ATTEMPT_COOKIE, LOOPBACK_ATTEMPT_COOKIE), secret, seconds=seconds)


def _set(request: Request, response: Response, names: tuple[str, str], value: str, *, seconds: int) -> None:
    """`names` are for https and for plain http on loopback."""
    is_plain = _is_plain_loopback(request)
    response.set_cookie(
        names[is_plain],
        value,
        max_age=seconds,
        path="/",
        secure=not is_plain,
        httponly=True,
        samesite="lax",
    )


def end_session_cookie(request: Request, response: Response) -> None:
    """The browser forgets it."""
    set_session_cookie(request, response, "", seconds=0)


def is_change(request: Request) -> bool:
    """Whether it may change something."""
    return request.method not in _READING


def check_page(request: Request, session_token: str, given: str = "") -> None:
    """Raises Forbidden unless a page of ours sends this change; `given` is a form's own field."""
    check_origin(request)
    if not is_form_token(given or request.headers.get(TOKEN_HEADER, ""), session_token):
        msg = "send the session's form_token (GET /v1/auth/session) as X-GatewayOps-Token with every change"
        raise Forbidden(msg, Reason.ORIGIN_NOT_ALLOWED)


def check_origin(request: Request) -> None:
    """Raises Forbidden unless the request says that it comes from a page at our own address."""
    if request.headers.get("origin", "").lower() not in _ours(request):
        msg = "the Origin of this page is not ours; browsers use the address that gateway.public_url names"
        raise Forbidden(msg, Reason.ORIGIN_NOT_ALLOWED)


def check_other_origin(request: Request) -> None:
    """The same where a program may ask too: it sends no Origin."""
    if "origin" in request.headers:
        check_origin(request)


def check_can_keep_cookie(request: Request) -> None:
    """Raises InvalidInput where a browser would not keep our cookie: on plain http of another machine."""
    if not _is_plain_loopback(request) and not _is_https(request):
        msg = "browsers sign in over https, or on this machine: set gateway.public_url to an https address"
        raise InvalidInput(msg)


def _ours(request: Request) -> set[str]:
    given = urlsplit(parts_of(request).address)
    found = {f"{given.scheme}://{given.netloc}".lower()}
    if _is_plain_loopback(request):
        found.add(f"http://{_host(request)}")
    return found


def _is_plain_loopback(request: Request) -> bool:
    name = _host(request).rpartition(":")[0] or _host(request)
    return not _is_https(request) and (name in _LOOPBACK or _host(request) in _LOOPBACK)


def _is_https(request: Request) -> bool:
    proto = forwarded(request, "proto") or request.scope.get("scheme", "http")
    return proto == "https" or parts_of(request).address.startswith("https://")


def _host(request: Request) -> str:
    return (forwarded(request, "host") or request.headers.get("host", "")).lower()
