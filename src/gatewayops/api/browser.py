"""Browsers as callers: the cookie of a session, and the proof that a page of ours sends a change.

A cookie comes along with requests of any page, of sibling subdomains too. So a change needs an Origin that is
ours and the session's form token, which only our own pages can read. The cookie's name begins with `__Host-`:
no other host can set it. On plain http, which is for loopback only, such a cookie cannot be; there it has
another name, and counts nowhere else.
"""

from ipaddress import ip_address
from urllib.parse import urlsplit

from fastapi import Request
from starlette.responses import Response

from gatewayops.api.caller_address import forwarded_host, forwarded_proto
from gatewayops.api.parts import parts_of
from gatewayops.base.errors import Forbidden, InvalidInput, Reason
from gatewayops.identity.passkeys import RelyingParty
from gatewayops.identity.user_tokens import is_form_token

COOKIE = "__Host-gatewayops"
LOOPBACK_COOKIE = "gatewayops-on-loopback"
_PENDING = "-pending"  # after either: of a sign-in that waits for its second factor
_ATTEMPT = "-sso"  # the same: of sign-ins at identity providers
_POSTED = "-saml"  # the same where their own page sends the answer, by a form
TOKEN_HEADER = "x-gatewayops-token"  # noqa: S105 - a header's name
_READING = ("GET", "HEAD", "OPTIONS")
_LOOPBACK = frozenset(("localhost", "127.0.0.1", "[::1]"))


def session_cookie(request: Request) -> str:
    """The session's token as the browser sends it; empty when it sends none."""
    if "cookie" not in request.headers:
        return ""
    return request.cookies.get(_name(request), "")


def set_session_cookie(request: Request, response: Response, token: str, *, seconds: int) -> None:
    """The browser keeps it until then, and scripts never see it."""
    _set(request, response, _name(request), token, seconds=seconds)


def attempt_cookie(request: Request, *, is_posted: bool = False) -> str:
    """What binds sign-ins at identity providers to this browser; empty when it has none."""
    return request.cookies.get(_name(request) + (_POSTED if is_posted else _ATTEMPT), "")


def set_attempt_cookie(
    request: Request, response: Response, secret: str, *, seconds: int, is_posted: bool = False
) -> None:
    """It comes back with the provider's redirect, which is a GET of the whole window.

    `is_posted`: or with a form on the provider's page, so browsers must send it from there. They do so over
    https only; on plain http it comes from providers on this machine.
    """
    if not is_posted:
        _set(request, response, _name(request) + _ATTEMPT, secret, seconds=seconds)
        return
    _set(request, response, _name(request) + _POSTED, secret, seconds=seconds, from_any_page=True)


def end_session_cookie(request: Request, response: Response) -> None:
    """The browser forgets it."""
    set_session_cookie(request, response, "", seconds=0)


def pending_cookie(request: Request) -> str:
    """The token of the sign-in that waits in this browser; empty for none."""
    return request.cookies.get(_name(request) + _PENDING, "")


def set_pending_cookie(request: Request, response: Response, token: str, *, seconds: int) -> None:
    """The second step is bound to the browser of the first; no seconds end it."""
    _set(request, response, _name(request) + _PENDING, token, seconds=seconds)


def relying_party(request: Request) -> RelyingParty | None:
    """Where passkeys count: our public address, never what a request says; None where there can be none.

    They need a name. On this machine that is localhost, though the address may be 127.0.0.1.
    """
    found = RelyingParty.of(parts_of(request).address)
    if _is_plain_loopback(request):
        found = RelyingParty.of(f"http://{_host(request)}")
    return found if found.id and not _is_number(found.id) else None


def party_here(request: Request) -> RelyingParty:
    """The same; raises InvalidInput where there can be none."""
    found = relying_party(request)
    if found is None:
        msg = "passkeys need a name: set gateway.public_url to one, or use http://localhost on this machine"
        raise InvalidInput(msg)
    return found


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


def _name(request: Request) -> str:
    return LOOPBACK_COOKIE if _is_plain_loopback(request) else COOKIE


def _set(
    request: Request, response: Response, name: str, value: str, *, seconds: int, from_any_page: bool = False
) -> None:
    is_secure = not _is_plain_loopback(request)
    response.set_cookie(
        name,
        value,
        max_age=seconds,
        path="/",
        secure=is_secure,
        httponly=True,
        samesite="none" if from_any_page and is_secure else "lax",
    )


def _is_number(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


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
    proto = forwarded_proto(request) or request.scope.get("scheme", "http")
    return proto == "https" or parts_of(request).address.startswith("https://")


def _host(request: Request) -> str:
    return (forwarded_host(request) or request.headers.get("host", "")).lower()
