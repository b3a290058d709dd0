"""Grants without a person at a browser: a client in its own name, and one that acts with another's token.

Both are for clients that an operator registered, with a secret or a key, and allowed it one by one.
"""

from typing import Any

from gatewayops.api.oauth_issue import Issue, verified
from gatewayops.api.oauth_state import Here, OAuthState
from gatewayops.api.parts import ControlParts
from gatewayops.base.errors import NotFound
from gatewayops.identity.oauth import scopes
from gatewayops.identity.oauth.access_token import AccessToken
from gatewayops.identity.oauth.authorization import Parameters
from gatewayops.identity.oauth.refusals import invalid_request, invalid_target
from gatewayops.store.control import oauth_clients, oauth_grants, oauth_revocations
from gatewayops.store.control.oauth_clients import Client

_ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - a name, no secret
_MOST_ACTORS = 3


def of_client(given: Parameters, here: Here, client: Client) -> Issue:
    """Client credentials (RFC 6749, 4.4). Raises OAuthRefused (invalid_scope)."""
    held = client.spec.scope or " ".join(here.server.scopes)
    scope = scopes.narrowed(given.get("scope"), held)
    return Issue(subject=client.client_id, client_id=client.client_id, grant_id=client.id, scope=scope)


async def of_exchange(
    given: Parameters, here: Here, parts: ControlParts, state: OAuthState, client: Client
) -> Issue:
    """Token exchange (RFC 8693): a token of this server's for one that does no more and lives no longer.

    It stays the person's, says who acts, and ends with the grant that the first one came of. Raises
    OAuthRefused.
    """
    _check_asked(given, here)
    subject = await verified(here, state, given.get("subject_token"))
    if subject is None or not await still_counts(here, parts, subject):
        msg = "subject_token: not a good access token of this server"
        raise invalid_request(msg)
    scope = scopes.narrowed(given.get("scope"), subject.scope)
    if client.spec.scope:
        scopes.narrowed(scope, client.spec.scope)
    actor: dict[str, Any] = {"sub": client.client_id}
    if subject.actor is not None:
        actor["act"] = subject.actor
    if _depth(actor) > _MOST_ACTORS:
        msg = f"subject_token: exchanged {_MOST_ACTORS} times already"
        raise invalid_request(msg)
    return Issue(
        subject=subject.subject,
        client_id=client.client_id,
        grant_id=subject.grant_id,
        scope=scope,
        actor=actor,
        until_s=subject.expires_at,
        more={"issued_token_type": _ACCESS_TOKEN},
    )


async def still_counts(here: Here, parts: ControlParts, token: AccessToken) -> bool:
    """Whether a verified token was not revoked: itself, its grant, its person or its client."""
    org_id, server_id = here.server.org_id, here.server.id
    named = (token.subject, token.grant_id, token.token_id, token.client_id)
    async with parts.database.reading() as session:
        if await oauth_revocations.covers(session, org_id=org_id, iat=token.issued_at, subjects=named):
            return False
        if token.subject == token.grant_id:
            client = await oauth_clients.by_ref(
                session, org_id=org_id, server_id=server_id, ref=token.grant_id
            )
            return client is not None
        try:
            grant = await oauth_grants.find(session, org_id=org_id, grant_id=token.grant_id)
        except NotFound:
            return False
    return grant.revoked_at is None


def _check_asked(given: Parameters, here: Here) -> None:
    if given.get("subject_token_type") != _ACCESS_TOKEN or not given.get("subject_token"):
        msg = f"subject_token, with subject_token_type {_ACCESS_TOKEN}"
        raise invalid_request(msg)
    if given.get("requested_token_type") not in ("", _ACCESS_TOKEN):
        msg = f"requested_token_type: {_ACCESS_TOKEN}"
        raise invalid_request(msg)
    if given.get("actor_token") or given.get("actor_token_type"):
        msg = "actor_token: the client itself is who acts"
        raise invalid_request(msg)
    if given.get("audience") not in ("", here.resource, here.issuer):
        raise invalid_target()


def _depth(actor: object) -> int:
    depth = 0
    while isinstance(actor, dict):
        actor, depth = actor.get("act"), depth + 1
    return depth
