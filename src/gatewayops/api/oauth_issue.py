"""What every grant type comes to: an access token, signed, and its answer."""

import asyncio
from typing import Any

import msgspec
from fastapi.responses import JSONResponse

from gatewayops.api.oauth_answers import told
from gatewayops.api.oauth_state import Here, OAuthState
from gatewayops.api.parts import ControlParts
from gatewayops.base.clock import unix_s
from gatewayops.base.ids import new_id
from gatewayops.identity.oauth import tokens
from gatewayops.identity.oauth.access_token import AccessToken, Expected, TokenRefused, verify
from gatewayops.store.control import oauth_revocations
from gatewayops.store.control.oauth_grants import Grant

_LONGEST_WAIT_S = 2.0  # clocks of two control roles may differ


class Issue(msgspec.Struct, frozen=True):
    """Whose token it is to be, and for what; `refresh` is told as it is, and so is `more`."""

    subject: str
    client_id: str
    grant_id: str
    scope: str
    refresh: str = ""
    actor: dict[str, Any] | None = None
    until_s: int = 0  # it must not live longer; 0 for the usual life
    more: dict[str, str] = {}


def of_grant(grant: Grant, *, refresh: str, scope: str | None = None) -> Issue:
    """For the person who gave it."""
    return Issue(
        grant.end_user_id, grant.client_id, grant.id, grant.scope if scope is None else scope, refresh
    )


async def of_new_grant(parts: ControlParts, grant: Grant, *, refresh: str) -> Issue:
    """For the person who gave it just now.

    Tokens tell the second in which they were issued, and whoever is signed out everywhere has none of that
    second: a token for who signed in again at once waits for the next.
    """
    async with parts.database.reading() as session:
        ended_s = await oauth_revocations.latest(session, org_id=grant.org_id, subject=grant.end_user_id)
    if (left_s := ended_s + 1 - unix_s()) > 0:
        await asyncio.sleep(min(left_s, _LONGEST_WAIT_S))
    return of_grant(grant, refresh=refresh)


async def issued(here: Here, state: OAuthState, what: Issue) -> JSONResponse:
    """The answer with the token."""
    now_s = int(unix_s())
    expires_at = now_s + tokens.ACCESS_LIFE_S
    token = AccessToken(
        issuer=here.issuer,
        audience=here.resource,
        org_id=here.server.org_id,
        subject=what.subject,
        client_id=what.client_id,
        grant_id=what.grant_id,
        token_id=new_id("at"),
        issued_at=now_s,
        expires_at=min(expires_at, what.until_s or expires_at),
        scope=what.scope,
        actor=what.actor,
    )
    signed = (await state.keys.of(here.server.org_id)).signer.sign(token)
    answer: dict[str, Any] = {"access_token": signed, "token_type": "Bearer"}
    answer |= {"expires_in": token.expires_at - now_s}
    answer |= {"refresh_token": what.refresh} if what.refresh else {}
    return told(answer | ({"scope": what.scope} if what.scope else {}) | what.more)


async def verified(here: Here, state: OAuthState, text: str) -> AccessToken | None:
    """An access token of this server's, as far as it says itself; None for any other text."""
    keys = (await state.keys.of(here.server.org_id)).verifying
    expected = Expected(here.issuer, here.resource, here.server.org_id)
    try:
        return verify(text.encode(), keys, expected, now_s=unix_s())
    except TokenRefused:
        return None
