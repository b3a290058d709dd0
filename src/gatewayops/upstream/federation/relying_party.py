"""RelyingParty: sends people to a provider, and turns the answer that they bring back into an identity.

OpenID Connect's code flow with PKCE, state and nonce; GitHub's OAuth is github.py's.
"""

from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec

from gatewayops.base import clock
from gatewayops.identity.federation import claims, discovery, id_token
from gatewayops.identity.federation.attempt import Attempt
from gatewayops.identity.federation.discovery import Endpoints
from gatewayops.identity.federation.id_token import Expected
from gatewayops.identity.federation.refusal import FederationRefused
from gatewayops.identity.federation.registration import Kind, Registration
from gatewayops.store.external_identity import ExternalIdentity
from gatewayops.upstream.federation import github
from gatewayops.upstream.federation.documents import Documents
from gatewayops.upstream.federation.tokens import bearer, exchange
from gatewayops.upstream.guarded_fetch import Question, ask


class Answer(msgspec.Struct, frozen=True):
    """What the browser brought back from the provider; `issuer` is its `iss` (RFC 9207), empty for none."""

    code: str
    issuer: str = ""


class RelyingParty:
    """One a process: it keeps discovery documents and key sets for as long as they say."""

    def __init__(self) -> None:
        """Knows nobody yet."""
        self._documents = Documents()

    async def endpoints(self, provider: Registration) -> Endpoints:
        """What the provider says of itself. Raises FederationRefused, and what guarded_fetch raises."""
        if provider.kind is Kind.GITHUB:
            return github.endpoints(provider.address)
        document = await self._documents.get(
            discovery.address_of(provider.address), allows_private=provider.allows_private
        )
        return discovery.read(document, issuer=provider.address, allows_http=provider.allows_private)

    async def key_count(self, provider: Registration) -> int:
        """How many keys may sign there; 0 for GitHub, which signs nothing. Raises as `endpoints` does."""
        endpoints = await self.endpoints(provider)
        if not endpoints.jwks:
            return 0
        found = await self._documents.get(endpoints.jwks, allows_private=provider.allows_private)
        return len(id_token.public_keys(found))

    async def authorization_url(
        self,
        provider: Registration,
        attempt: Attempt,
        *,
        redirect_uri: str,
        login_hint: str = "",
        prompt: str = "",
    ) -> str:
        """Where to send the browser; `prompt` as the provider has it. Raises as `endpoints` does."""
        endpoints = await self.endpoints(provider)
        asked = {
            "response_type": "code",
            "client_id": provider.client_id,
            "redirect_uri": redirect_uri,
            "scope": provider.scope,
            "state": attempt.state,
            "code_challenge": attempt.challenge,
            "code_challenge_method": "S256",
        }
        if provider.kind is not Kind.GITHUB:
            asked["nonce"] = attempt.nonce
        if login_hint:
            asked["login" if provider.kind is Kind.GITHUB else "login_hint"] = login_hint
        if prompt:
            asked["prompt"] = prompt
        joint = "&" if urlsplit(endpoints.authorization).query else "?"
        return f"{endpoints.authorization}{joint}{urlencode(asked)}"

    async def identity(
        self, provider: Registration, attempt: Attempt, answer: Answer, *, redirect_uri: str
    ) -> ExternalIdentity:
        """Who it is. Raises FederationRefused for what proves nothing, and what guarded_fetch raises.

        The attempt must have begun here, in this browser, for this provider, and be used up before.
        """
        endpoints = await self.endpoints(provider)
        if answer.issuer != endpoints.issuer and (answer.issuer or endpoints.sends_iss):
            msg = "the answer is from another provider (iss)"
            raise FederationRefused(msg)
        tokens = await exchange(
            provider, endpoints, code=answer.code, verifier=attempt.verifier, redirect_uri=redirect_uri
        )
        if provider.kind is Kind.GITHUB:
            return await github.identity(provider, tokens.access_token)
        found = await self._verified(provider, endpoints, tokens.id_token, attempt.nonce)
        if endpoints.userinfo and tokens.access_token and claims.lacks(found, provider):
            found = claims.merged(
                found, await _userinfo(provider, endpoints, tokens.access_token, found["sub"])
            )
        return claims.identity(found, provider, issuer=endpoints.issuer)

    async def _verified(
        self, provider: Registration, endpoints: Endpoints, raw: str, nonce: str
    ) -> dict[str, Any]:
        expected = Expected(endpoints.issuer, provider.client_id, nonce)
        allows = provider.allows_private
        keys = id_token.public_keys(await self._documents.get(endpoints.jwks, allows_private=allows))
        try:
            return id_token.verify(raw, keys, expected, now_s=clock.unix_s())
        except id_token.UnknownKey:
            newer = await self._documents.newer(endpoints.jwks, allows_private=allows)
            if newer is None:
                raise
            return id_token.verify(raw, id_token.public_keys(newer), expected, now_s=clock.unix_s())


async def _userinfo(
    provider: Registration, endpoints: Endpoints, access_token: str, subject: str
) -> dict[str, Any]:
    """Nothing of it counts unless it is about the ID token's subject (Core, 5.3.2)."""
    question = Question(url=endpoints.userinfo, headers=bearer(access_token), max_bytes=256 << 10)
    answered = await ask(question, allows_private=provider.allows_private)
    if answered.status != 200 or not isinstance(answered.content, dict):
        msg = f"the provider's userinfo endpoint answered {answered.status}"
        raise FederationRefused(msg)
    if answered.content.get("sub") != subject:
        msg = "the provider's userinfo is about somebody else than its ID token"
        raise FederationRefused(msg)
    return answered.content
