"""The browser in which an authorization request began: its cookies, and the proof that a form is ours.

Two cookies a server: one that says which browser this is, given at the first request; one that is given when
somebody signs in. On https both are `__Host-`: no subdomain can plant them. A form counts only from our own
origin, with a token that only the browser's own cookie can make.
"""

import hashlib
import hmac
from urllib.parse import quote, urlsplit

from fastapi import Request, Response

from gatewayops.api.oauth_answers import NotThisBrowser, body_of, pairs_of
from gatewayops.api.oauth_pages import hidden_field
from gatewayops.api.oauth_state import Here
from gatewayops.api.parts import ControlParts
from gatewayops.identity.oauth.authorization import Parameters, answer_url, check_single, parameters
from gatewayops.identity.oauth.tokens import digest, new_token
from gatewayops.store.control import end_users, oauth_clients, oauth_devices, oauth_grants, oauth_requests
from gatewayops.store.control.end_users import BrowserSession, EndUser
from gatewayops.store.control.oauth_clients import Client
from gatewayops.store.control.oauth_grants import Approval
from gatewayops.store.control.oauth_requests import Pending, Wanted

_MAX_COOKIE = 100
_FAULT = "This request began in another browser, was answered already, or is older than ten minutes."


class Browser:
    """What a request's cookies say, at one server."""

    def __init__(self, request: Request, here: Here, parts: ControlParts) -> None:
        """Reads only; `begin` and `keep_session` write."""
        self._request = request
        self._here = here
        self._parts = parts
        self._is_https = here.issuer.startswith("https://")
        self._id = self._cookie("browser")

    @property
    def id_digest(self) -> str:
        """What is kept of the browser's own cookie; empty when it has none."""
        return digest(self._id) if self._id else ""

    async def begin(self, response: Response, wanted: Wanted) -> str:
        """Keeps a checked request for this browser, which gets its cookie now unless it has one; its id."""
        if not self._id:
            self._id = new_token("eb")
            self._set(response, "browser", self._id)
        server = self._here.server
        async with self._parts.database.session() as session:
            return await oauth_requests.begin(
                session,
                org_id=server.org_id,
                server_id=server.id,
                browser_digest=digest(self._id),
                wanted=wanted,
            )

    def page_url(self, page: str, request_id: str) -> str:
        """Where the request goes on: sign-in, sign-up or consent."""
        return f"{self._here.issuer}/{page}?request={quote(request_id, safe='')}"

    def keep_session(self, response: Response) -> str:
        """Gives the browser a new session cookie; what is kept of it. An older one is worth nothing here."""
        secret = new_token("es")
        self._set(response, "session", secret)
        return digest(secret)

    async def pending(self, request_id: str) -> Pending:
        """The authorization request that this browser goes on with. Raises NotThisBrowser."""
        server = self._here.server
        async with self._parts.database.reading() as session:
            found = await oauth_requests.find(
                session,
                org_id=server.org_id,
                server_id=server.id,
                browser_digest=self.id_digest,
                request_id=request_id,
            )
        if found is None:
            raise NotThisBrowser(_FAULT)
        return found

    async def signed_in(self) -> tuple[EndUser, BrowserSession] | None:
        """Who is signed in here."""
        secret = self._cookie("session")
        if not secret:
            return None
        server = self._here.server
        async with self._parts.database.session() as session:
            found = await end_users.signed_in(
                session, org_id=server.org_id, server_id=server.id, digest=digest(secret)
            )
            if found is not None:
                await end_users.touch(session, found[1])
        return found

    async def allowed_before(self, client: Client, user: EndUser) -> str | None:
        """The scope that the person allowed this client; None if never."""
        async with self._parts.database.reading() as session:
            return await oauth_clients.consented(session, client=client, end_user_id=user.id)

    async def approve(
        self, client: Client, user: EndUser, wanted: Wanted, *, pending: Pending | None = None
    ) -> str:
        """Where to send the browser with a new code, or when a device waits for it, to its page.

        Raises NotThisBrowser when another was quicker.
        """
        code, server = new_token("ac"), self._here.server
        approval = Approval(
            server_id=server.id,
            end_user_id=user.id,
            client_ref=client.id,
            scope=wanted.scope,
            redirect_uri=wanted.redirect_uri,
            challenge=wanted.challenge,
        )
        async with self._parts.database.session() as session:
            if pending is not None:
                if not await oauth_requests.finish(session, pending):
                    raise NotThisBrowser(_FAULT)
                await oauth_clients.consent(session, client=client, end_user_id=user.id, scope=wanted.scope)
            if not wanted.device_hash:
                await oauth_grants.approve(
                    session, org_id=server.org_id, approval=approval, code_digest=digest(code)
                )
            elif not await oauth_devices.approve(
                session, org_id=server.org_id, device_hash=wanted.device_hash, approval=approval
            ):
                raise NotThisBrowser(_FAULT)
        return self.answer_url(wanted, code=code)

    async def deny(self, pending: Pending) -> str:
        """Where to send the browser with the refusal. Raises NotThisBrowser when it was answered already."""
        async with self._parts.database.session() as session:
            if not await oauth_requests.finish(session, pending):
                raise NotThisBrowser(_FAULT)
            if pending.wanted.device_hash:
                await oauth_devices.deny(
                    session, org_id=pending.org_id, device_hash=pending.wanted.device_hash
                )
        return self.answer_url(pending.wanted, error="access_denied", error_description="the person said no")

    def answer_url(self, wanted: Wanted, **members: str) -> str:
        """The client's address with the answer; a device asks for it itself."""
        if wanted.device_hash:
            return f"{self._here.issuer}/device/done"
        return answer_url(wanted.redirect_uri, issuer=self._here.issuer, state=wanted.state, **members)

    def hidden(self, request_id: str) -> str:
        """The fields that a form of ours must bring back."""
        return hidden_field("request", request_id) + hidden_field("csrf", self._proof(request_id))

    async def form(self) -> tuple[Parameters, Pending]:
        """The fields of a form of ours, and its request. Raises NotThisBrowser, OAuthRefused, TooLarge."""
        given = await self.fields()
        request_id = given.get("request")
        if not self._id or not hmac.compare_digest(
            given.get("csrf").encode(), self._proof(request_id).encode()
        ):
            raise NotThisBrowser(_FAULT)
        return given, await self.pending(request_id)

    async def fields(self) -> Parameters:
        """Of a form of ours that goes on with no request. Raises NotThisBrowser, OAuthRefused, TooLarge."""
        origin = self._request.headers.get("origin", "")
        if origin != origin_of(self._here.issuer):
            msg = "The form was not sent from a page of ours."
            raise NotThisBrowser(msg)
        given = parameters(pairs_of(await body_of(self._request)))
        check_single(given)
        return given

    def _proof(self, request_id: str) -> str:
        return hmac.new(self._id.encode(), f"form:{request_id}".encode(), hashlib.sha256).hexdigest()

    def _cookie(self, kind: str) -> str:
        value = self._request.cookies.get(self._name(kind), "")
        return value if len(value) <= _MAX_COOKIE and value.isascii() else ""

    def _set(self, response: Response, kind: str, value: str) -> None:
        response.set_cookie(
            self._name(kind), value, path="/", secure=self._is_https, httponly=True, samesite="lax"
        )

    def _name(self, kind: str) -> str:
        prefix = "__Host-" if self._is_https else ""
        return f"{prefix}gatewayops-{kind}-{self._here.server.slug}"


def is_recent(known: BrowserSession, wanted: Wanted) -> bool:
    """Whether the person signed in as lately as the client wants it."""
    return wanted.must_sign_in_after is None or known.created_at >= wanted.must_sign_in_after


def origin_of(url: str) -> str:
    """As browsers write it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()
