"""SingleSignOn: an attempt to sign in at an identity provider, from its beginning here to who may come in.

Shared by all protocols: what begins an attempt and finishes it, once, in the browser that began it, and who
that is. Their session, or the second factor before it, is sign_in_pages'. What a provider's answer proves is
checked by the protocol's own module.
"""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import quote

import msgspec
from fastapi import Request
from fastapi.responses import RedirectResponse

from gatewayops.api.audit_trail import AuditTrail, enter_as
from gatewayops.api.browser import attempt_cookie, check_can_keep_cookie, set_attempt_cookie
from gatewayops.api.caller_address import address_of
from gatewayops.api.parts import ControlParts
from gatewayops.api.second_factor import Who
from gatewayops.base.errors import Forbidden, GatewayOpsError, NotFound, Reason, Unauthenticated
from gatewayops.identity.federation.attempt import Attempt, new_attempt, new_browser_secret
from gatewayops.identity.federation.registration import Kind, Registration
from gatewayops.identity.oauth.attempts import Attempts
from gatewayops.identity.user_tokens import hash_of
from gatewayops.store.audit_entry import Actor
from gatewayops.store.control import admission, identity_providers, sso_attempts
from gatewayops.store.control.identity_providers import Provider, provider_binding
from gatewayops.store.control.sso_attempts import LIFE, Begun, attempt_binding
from gatewayops.store.external_identity import ExternalIdentity
from gatewayops.upstream.federation.relying_party import Answer, RelyingParty

_RETURN = re.compile(r"/(?![/\\])[A-Za-z0-9._~!$&'()*+,;=:@%/?-]{0,1000}")
_PROVIDER = re.compile(r"idp_[A-Za-z0-9]{1,40}")
_BROWSER = re.compile(r"[0-9A-Za-z]{43}")
_ERROR_CODE = re.compile(r"[a-z_]{1,64}")
_ABOUT = "sign-in at an identity provider"


class NotThisBrowser(Forbidden):
    """The answer belongs to no attempt of this browser: it was used, is too old, or began elsewhere."""

    reason = Reason.SIGN_IN_FAILED


class Vouched(msgspec.Struct, frozen=True):
    """Who came back and may come in."""

    who: Who
    method: str  # of the session: the kind of provider
    was_asked: bool = True  # False: the provider sent them, with no attempt of this browser before


class SingleSignOn:
    """One an app."""

    def __init__(self, parts: ControlParts, trail: AuditTrail) -> None:
        """Has asked nobody yet."""
        self._parts = parts
        self._trail = trail
        self._by_address = Attempts(240, window_s=60)  # a whole office may have one
        self.party = RelyingParty()

    def count(self, request: Request) -> None:
        """One more question of this address; each attempt is a row. Raises TooMany."""
        address = address_of(request)
        self._by_address.check(address)
        self._by_address.add(address)

    async def provider(self, provider_id: str, *, is_saml: bool | None = None) -> Provider:
        """One that is enabled, and speaks SAML or does not, if that is said. Raises NotFound."""
        found = None
        if _PROVIDER.fullmatch(provider_id):
            async with self._parts.database.reading() as session:
                found = await identity_providers.of_id(session, provider_id)
        if found is None or is_saml not in (None, speaks_saml(found)):
            msg = "there is no such identity provider; go to /sign-in"
            raise NotFound(msg)
        return found

    async def registration(self, provider: Provider) -> Registration:
        """With the secret, opened. Raises SealBroken, MasterKeyUnavailable."""
        return registration_of(provider, secret=(await self.secret(provider)).decode())

    async def secret(self, provider: Provider) -> bytes:
        """The client's, or the key that signs SAML requests; empty for none. Raises as `registration`."""
        sealed, bound_to = provider.spec.secret_sealed, provider_binding(provider.org_id, provider.id)
        return await self._parts.credentials.open_if_any(sealed, org_id=provider.org_id, bound_to=bound_to)

    async def start(
        self, request: Request, provider: Provider, *, return_to: str, login_hint: str = ""
    ) -> RedirectResponse:
        """Sends the browser to an OpenID Connect provider or GitHub. Raises what RelyingParty raises."""
        attempt = new_attempt()
        url = await self.party.authorization_url(
            await self.registration(provider),
            attempt,
            redirect_uri=redirect_uri(self._parts.address, provider.id),
            login_hint=login_hint,
        )
        response = RedirectResponse(url, status_code=303, headers={"Cache-Control": "no-store"})
        await self.begin(request, response, provider, attempt, return_to=return_to)
        return response

    async def refused(self, request: Request, provider: Provider, *, state: str, error: str) -> None:
        """For a provider that answers with a refusal: always raises, and the audit log tells it.

        `error` is whatever the browser brought: shown only if it looks like a code of RFC 6749 (4.1.2.1).
        """
        async with self.telling(request, provider):
            await self.used_up(request, provider, state)
            code = error if _ERROR_CODE.fullmatch(error) else "no code"
            msg = f"{provider.spec.name} did not sign you in ({code})"
            raise Unauthenticated(msg, Reason.SIGN_IN_FAILED)

    async def finish(self, request: Request, provider: Provider, *, state: str, answer: Answer) -> Vouched:
        """Who comes back. Raises NotThisBrowser, FederationRefused, NotAdmitted, …"""
        async with self.telling(request, provider):
            begun = await self.used_up(request, provider, state)
            attempt = Attempt(state, begun.nonce, await self._verifier(begun, state))
            who = await self.party.identity(
                await self.registration(provider),
                attempt,
                answer,
                redirect_uri=redirect_uri(self._parts.address, provider.id),
            )
        return await self.enter(request, provider, who, return_to=begun.return_to)

    async def begin(
        self,
        request: Request,
        response: RedirectResponse,
        provider: Provider,
        attempt: Attempt,
        *,
        return_to: str,
    ) -> None:
        """Keeps the attempt, bound to the browser by a cookie on the response. Raises InvalidInput."""
        check_can_keep_cookie(request)
        is_posted = speaks_saml(provider)
        known = attempt_cookie(request, is_posted=is_posted)
        secret = known if _BROWSER.fullmatch(known) else new_browser_secret()
        state_hash = hash_of(attempt.state)
        sealed = b""
        if attempt.verifier:
            bound_to = attempt_binding(provider.org_id, state_hash)
            sealed = await self._parts.credentials.seal(
                attempt.verifier.encode(), org_id=provider.org_id, bound_to=bound_to
            )
        begun = Begun(
            org_id=provider.org_id,
            provider_id=provider.id,
            browser_hash=hash_of(secret),
            nonce=attempt.nonce,
            verifier_sealed=sealed,
            return_to=safe_return(return_to),
        )
        async with self._parts.database.session() as session:
            await sso_attempts.begin(session, begun, state_hash=state_hash)
        seconds = int(LIFE.total_seconds())
        set_attempt_cookie(request, response, secret, seconds=seconds, is_posted=is_posted)

    async def used_up(self, request: Request, provider: Provider, state: str) -> Begun:
        """The attempt that an answer belongs to; there is no second time. Raises NotThisBrowser."""
        async with self._parts.database.session() as session:
            begun = await sso_attempts.use(
                session,
                provider_id=provider.id,
                state_hash=hash_of(state),
                browser_hash=hash_of(attempt_cookie(request, is_posted=speaks_saml(provider))),
            )
        if begun is None:
            msg = "this sign-in was finished, is too old, or began in another browser; begin anew at /sign-in"
            raise NotThisBrowser(msg)
        return begun

    async def enter(
        self, request: Request, provider: Provider, who: ExternalIdentity, *, return_to: str
    ) -> Vouched:
        """The user for whom the provider vouches, if they may come in. Raises NotAdmitted."""
        enter_as(request, Actor("user", "", who.email))
        async with (
            self.telling(request, provider, email=who.email),
            self._parts.database.session() as session,
        ):
            user = await admission.admit(session, provider, who)
        hours, back = provider.spec.session_hours, safe_return(return_to)
        known = Who(provider.org_id, user.id, user.email, provider.id, hours, back)
        return Vouched(known, provider.spec.kind)

    @asynccontextmanager
    async def telling(self, request: Request, provider: Provider, *, email: str = "") -> AsyncIterator[None]:
        """Whoever is turned away within it is told in the audit log of the provider's organisation."""
        try:
            yield
        except GatewayOpsError as error:
            actor = Actor("user", "", email) if email else Actor("unknown")
            await self._trail.failed_as(request, provider.org_id, actor, action=_ABOUT, error=error)
            raise

    async def _verifier(self, begun: Begun, state: str) -> str:
        bound_to = attempt_binding(begun.org_id, hash_of(state))
        opened = await self._parts.credentials.open(
            begun.verifier_sealed, org_id=begun.org_id, bound_to=bound_to
        )
        return opened.decode()


def sso_of(request: Request) -> SingleSignOn:
    """Of the app that takes this request."""
    found = request.app.state.sso
    assert isinstance(found, SingleSignOn)
    return found


def speaks_saml(provider: Provider) -> bool:
    """Whether SAML is spoken there; else OpenID Connect, or GitHub's OAuth."""
    return provider.spec.kind == Kind.SAML


def registration_of(provider: Provider, *, secret: str = "") -> Registration:
    """What the relying party needs of a provider that is google, github or oidc."""
    settings = msgspec.convert(provider.spec.settings, OidcSettings)
    return Registration(
        kind=Kind(provider.spec.kind), client_secret=secret, **msgspec.structs.asdict(settings)
    )


class OidcSettings(msgspec.Struct, frozen=True):
    """The settings of a provider that is google, github or oidc, as they are kept; see Registration."""

    client_id: str
    issuer: str = ""
    scopes: tuple[str, ...] = ()
    groups_claim: str = "groups"
    allows_private: bool = False


def redirect_uri(address: str, provider_id: str) -> str:
    """Where a provider sends people back; each has its own, so that answers of two are never mixed up."""
    return f"{address.rstrip('/')}/sign-in/sso/{quote(provider_id)}/callback"


def safe_return(path: str) -> str:
    """A path of ours, or the home page: nobody is sent elsewhere."""
    return path if _RETURN.fullmatch(path) else "/"
