"""Us as a client of a server's sign-in providers: sends a browser there, and learns who came back.

`state`, nonce and PKCE hold the answer to the request; each provider has a callback of its own, so that the
answer of one is nothing at another (RFC 9700, 4.4); and only the browser that left brings it back, once.
"""

import msgspec

from gatewayops.api.oauth_answers import NotThisBrowser
from gatewayops.api.oauth_browser import Browser
from gatewayops.api.oauth_state import Here, OAuthState
from gatewayops.api.parts import ControlParts
from gatewayops.base.errors import NotFound
from gatewayops.identity.federation.attempt import Attempt, new_attempt
from gatewayops.identity.federation.registration import Kind, Registration
from gatewayops.identity.oauth.tokens import digest
from gatewayops.store.control import sign_in_attempts, sign_in_providers
from gatewayops.store.control.oauth_requests import Pending
from gatewayops.store.control.sign_in_attempts import Left, Whose
from gatewayops.store.control.sign_in_providers import Provider
from gatewayops.store.external_identity import ExternalIdentity
from gatewayops.upstream.federation.relying_party import Answer

_FAULT = "This sign-in began in another browser, was finished already, or is older than ten minutes."


class Visit(msgspec.Struct, frozen=True):
    """A request of a browser at a protected server, with what the routes work with."""

    browser: Browser
    here: Here
    parts: ControlParts
    state: OAuthState

    @property
    def whose(self) -> Whose:
        """Whose attempts count here."""
        server = self.here.server
        return Whose(server.org_id, server.id, self.browser.id_digest)


def callback_url(issuer: str, provider_id: str) -> str:
    """Where a provider sends people back to."""
    return f"{issuer}/sign-in/{provider_id}/callback"


def registration_of(provider: Provider, *, secret: str = "") -> Registration:
    """As the relying party takes it."""
    return Registration(
        kind=Kind(provider.kind),
        client_id=provider.client_id,
        client_secret=secret,
        issuer=provider.issuer,
        scopes=provider.scopes,
        allows_private=provider.allows_private,
    )


async def enabled(visit: Visit, provider_id: str) -> Provider:
    """A provider of the server that is switched on now. Raises NotFound."""
    server = visit.here.server
    async with visit.parts.database.reading() as session:
        offered = await sign_in_providers.offered(session, org_id=server.org_id, server_id=server.id)
    found = next((one for one in offered if one.id == provider_id), None)
    if found is None:
        msg = "this way to sign in is not offered"
        raise NotFound(msg)
    return found


async def leave(visit: Visit, provider: Provider, pending: Pending) -> str:
    """Where to send the browser. Raises what RelyingParty raises, SealBroken, MasterKeyUnavailable."""
    attempt, attempt_id = new_attempt(), sign_in_attempts.new_attempt_id()
    url = await visit.state.party.authorization_url(
        await _registration(visit, provider),
        attempt,
        redirect_uri=callback_url(visit.here.issuer, provider.id),
        prompt=_prompt(provider, pending),
    )
    bound_to = sign_in_attempts.binding(provider.org_id, attempt_id)
    verifier = attempt.verifier.encode()
    left = Left(
        id=attempt_id,
        provider_id=provider.id,
        request_id=pending.id,
        nonce=attempt.nonce,
        sealed_verifier=await visit.parts.credentials.seal(
            verifier, org_id=provider.org_id, bound_to=bound_to
        ),
    )
    async with visit.parts.database.session() as session:
        await sign_in_attempts.begin(session, visit.whose, left, state_hash=digest(attempt.state))
    return url


async def used_up(visit: Visit, provider_id: str, state: str) -> Left:
    """The attempt that this is the answer to; there is no second time. Raises NotThisBrowser."""
    async with visit.parts.database.session() as session:
        left = await sign_in_attempts.use(
            session, visit.whose, provider_id=provider_id, state_hash=digest(state)
        )
    if left is None:
        raise NotThisBrowser(_FAULT)
    return left


async def identity(
    visit: Visit, provider: Provider, left: Left, *, state: str, answer: Answer
) -> ExternalIdentity:
    """Who came back. Raises FederationRefused, and what guarded_fetch raises."""
    bound_to = sign_in_attempts.binding(provider.org_id, left.id)
    verifier = await visit.parts.credentials.open(
        left.sealed_verifier, org_id=provider.org_id, bound_to=bound_to
    )
    return await visit.state.party.identity(
        await _registration(visit, provider),
        Attempt(state, left.nonce, verifier.decode()),
        answer,
        redirect_uri=callback_url(visit.here.issuer, provider.id),
    )


def _prompt(provider: Provider, pending: Pending) -> str:
    """Where many have several accounts they choose one: else whoever came with the wrong one is stuck."""
    if provider.kind != Kind.OIDC:
        return "select_account"
    return "login" if pending.wanted.must_sign_in_after is not None else ""


async def _registration(visit: Visit, provider: Provider) -> Registration:
    secret = await visit.parts.credentials.open_if_any(
        provider.sealed_secret, org_id=provider.org_id, bound_to=provider.bound_to()
    )
    return registration_of(provider, secret=secret.decode())
