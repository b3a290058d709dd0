"""A visit: one request for a page by a person who is signed in, with the API on their behalf.

A page is a function from a visit to an answer; a change also gets the form, and says where to go on.
"""

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from math import isfinite, nan
from urllib.parse import parse_qsl, quote, unquote

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from gatewayops.web.rest import Json, Refused, Rest

_UNAUTHENTICATED = 401
_MAX_FIELDS = 1200  # a role has at most 200 rules, of five fields each
_MAX_FILES = 1
_FLASH = "gatewayops-flash"
_FLASH_S = 60


@dataclass(frozen=True, slots=True)
class Visit:
    """Who asks for what; `who` is the API's answer about the session."""

    request: Request
    rest: Rest
    who: Json

    def may(self, action: str) -> bool:
        """Whether the person holds this action of the control plane; shapes what is shown, guards nothing."""
        return action in self.who["actions"]

    @property
    def form_token(self) -> str:
        """What forms of this page must carry."""
        return str(self.who["form_token"] or "")

    @property
    def is_partial(self) -> bool:
        """Whether htmx asks, for a part of a page."""
        return "hx-request" in self.request.headers

    def asked(self, name: str, default: str = "") -> str:
        """A parameter of the page's address."""
        return self.request.query_params.get(name, default)


@dataclass(frozen=True, slots=True)
class Done:
    """A change has happened: where to go on, and what to tell there."""

    to: str
    message: str


@dataclass(frozen=True, slots=True)
class Form:
    """What a form sent; a field that came several times is in `several`."""

    pairs: tuple[tuple[str, str], ...]

    def __getitem__(self, name: str) -> str:
        """The field without space around it; empty when it did not come."""
        return next((value.strip() for key, value in self.pairs if key == name), "")

    def several(self, name: str) -> list[str]:
        """All values of the field that are not empty."""
        return [value.strip() for key, value in self.pairs if key == name and value.strip()]

    def is_on(self, name: str) -> bool:
        """Whether a box is ticked."""
        return any(key == name for key, _ in self.pairs)

    def number(self, name: str, label: str) -> float | None:
        """The field as a number; None when it is empty. Raises Refused that names `label`."""
        given = self[name]
        if not given:
            return None
        try:
            found = float(given)
        except ValueError:
            found = nan
        if not isfinite(found):  # which JSON cannot say
            raise Refused(400, {"message": f"{label}: {given[:40]!r} is no number"})
        return found

    def whole(self, name: str, label: str) -> int | None:
        """The same as a whole number."""
        found = self.number(name, label)
        if found is not None and found != int(found):
            raise Refused(400, {"message": f"{label}: give a whole number"})
        return None if found is None else int(found)

    def check_named(self, name: str) -> None:
        """Raises Refused unless the person has typed `name` to confirm."""
        if self["confirm"] != name:
            raise Refused(400, {"message": f"type {name} to confirm; nothing was changed"})


Show = Callable[[Visit], Awaitable[Response]]
Change = Callable[[Visit, Form], Awaitable[Done | Response]]


async def begin(request: Request) -> Visit | Response:
    """The visit, or where to sign in. Raises Refused when the API answers otherwise."""
    rest = Rest(request.app, request)
    try:
        who = await rest.get("/v1/auth/session")
    except Refused as refused:
        if refused.status != _UNAUTHENTICATED:
            raise
        return _sign_in(request)
    return Visit(request, rest, who)


async def sent(request: Request) -> Form:
    """The form of a POST; files come as base64. Raises Refused."""
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        return await _with_files(request)
    given = (await request.body()).decode("utf-8", "replace")
    try:
        return Form(tuple(parse_qsl(given, keep_blank_values=True, max_num_fields=_MAX_FIELDS)))
    except ValueError:
        raise Refused(400, {"message": f"the form has more than {_MAX_FIELDS} fields"}) from None


async def _with_files(request: Request) -> Form:
    pairs = []
    async with request.form(max_files=_MAX_FILES, max_fields=_MAX_FIELDS) as parts:
        for name, value in parts.multi_items():
            given = b64encode(await value.read()).decode() if isinstance(value, UploadFile) else value
            pairs.append((name, given))
    return Form(tuple(pairs))


def leave(visit: Visit, done: Done) -> Response:
    """To the next page, which shows the message once."""
    if visit.is_partial:
        answer = Response(headers={"HX-Redirect": done.to})
    else:
        answer = RedirectResponse(done.to, status_code=303)
    answer.set_cookie(
        _FLASH,
        quote(f"{_mark(visit, done.message)} {done.message}"),
        max_age=_FLASH_S,
        path="/",
        httponly=True,
        samesite="lax",
        secure=visit.request.url.scheme == "https",
    )
    return answer


def told(visit: Visit) -> str:
    """What the change before said. Other hosts of our domain can set cookies too: theirs say nothing here."""
    mark, _, message = unquote(visit.request.cookies.get(_FLASH, "")).partition(" ")
    return message if hmac.compare_digest(mark.encode(), _mark(visit, message).encode()) else ""


def forget_told(answer: Response) -> None:
    """It is shown once."""
    answer.delete_cookie(_FLASH, path="/")


def _mark(visit: Visit, message: str) -> str:
    """That the message is ours and for this session, which the form token is of."""
    return hmac.new(visit.form_token.encode(), message.encode(), hashlib.sha256).hexdigest()[:32]


def _sign_in(request: Request) -> Response:
    asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    to = "/sign-in" if asked == "/" else f"/sign-in?return_to={quote(asked, safe='')}"
    if "hx-request" in request.headers:
        return Response(headers={"HX-Redirect": to})
    return RedirectResponse(to if request.method == "GET" else "/sign-in", status_code=303)
