"""SAML's part of single sign-on: a signed request that leads to a provider, and the answer that comes back.

An answer finds its attempt by the request that it says it answers. What it asserts counts once, in whatever
process, and is admitted like any other provider's word.
"""

import asyncio
from datetime import datetime

import msgspec
from fastapi import Request
from fastapi.responses import RedirectResponse

from gatewayops.api.parts import ControlParts
from gatewayops.api.sso import SingleSignOn, Vouched
from gatewayops.base import clock
from gatewayops.identity.federation.attempt import Attempt
from gatewayops.identity.saml import attributes, registration, requests
from gatewayops.identity.saml.parties import SamlRefused, ServiceProvider
from gatewayops.identity.saml.responses import Answer, Assertion, Expected
from gatewayops.store.control import saml_assertions
from gatewayops.store.control.identity_providers import Provider
from gatewayops.store.control.sso_attempts import Begun
from gatewayops.store.external_identity import ExternalIdentity


class SamlSignOn:
    """One an app."""

    def __init__(self, parts: ControlParts, sso: SingleSignOn) -> None:
        """`sso` keeps attempts and admits people."""
        self._parts = parts
        self._sso = sso

    def us(self, provider: Provider) -> ServiceProvider:
        """Us, as this provider knows us."""
        return registration.us_at(self._parts.address, provider.id)

    async def start(self, request: Request, provider: Provider, *, return_to: str) -> RedirectResponse:
        """Sends the browser to the provider. Raises InvalidInput, SealBroken, MasterKeyUnavailable."""
        known, request_id = registration.of_settings(provider.spec.settings), requests.new_request_id()
        private_pem = await self._sso.secret(provider)
        url = requests.redirect_url(
            known.idp, self.us(provider), request_id=request_id, private_pem=private_pem, now=clock.now()
        )
        response = RedirectResponse(url, status_code=303, headers={"Cache-Control": "no-store"})
        attempt = Attempt(state=request_id, nonce=request_id, verifier="")
        await self._sso.begin(request, response, provider, attempt, return_to=return_to)
        return response

    async def finish(self, request: Request, provider: Provider, encoded: str) -> Vouched:
        """Who comes back. Raises SamlRefused, NotThisBrowser, NotAdmitted."""
        async with self._sso.telling(request, provider):
            who, begun = await self._believed(request, provider, encoded)
        vouched = await self._sso.enter(
            request, provider, who, return_to=begun.return_to if begun is not None else "/"
        )
        return msgspec.structs.replace(vouched, was_asked=begun is not None)

    async def _believed(
        self, request: Request, provider: Provider, encoded: str
    ) -> tuple[ExternalIdentity, Begun | None]:
        known = registration.of_settings(provider.spec.settings)
        answer = await asyncio.to_thread(Answer, encoded)
        begun = None
        if answer.claims_request:
            begun = await self._sso.used_up(request, provider, answer.claims_request)
        elif not known.allows_idp_initiated:
            msg = "nobody asked for this answer: begin at /sign-in, not at the identity provider"
            raise SamlRefused(msg)
        request_id = begun.nonce if begun is not None else ""
        expected = Expected(known.idp, self.us(provider), request_id, known.allows_sha1)
        assertion = await asyncio.to_thread(_believe, answer, expected, clock.now())
        async with self._parts.database.session() as session:
            is_first = await saml_assertions.use(
                session,
                org_id=provider.org_id,
                provider_id=provider.id,
                assertion_id=assertion.id,
                until=assertion.until,
            )
        if not is_first:
            msg = "this answer was used already: sign in again"
            raise SamlRefused(msg)
        return attributes.identity_of(assertion, known.names, issuer=known.idp.entity_id), begun


def saml_of(request: Request) -> SamlSignOn:
    """Of the app that takes this request."""
    found = request.app.state.saml
    assert isinstance(found, SamlSignOn)
    return found


def _believe(answer: Answer, expected: Expected, now: datetime) -> Assertion:
    return answer.believe(expected, now=now)
