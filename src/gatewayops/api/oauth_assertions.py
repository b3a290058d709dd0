"""The grant of MCP's Enterprise-Managed Authorization: an identity assertion (ID-JAG) of a trusted issuer."""

from gatewayops.api.oauth_clients import fetched_keys
from gatewayops.api.oauth_issue import Issue
from gatewayops.api.oauth_state import Here, OAuthState
from gatewayops.api.parts import ControlParts
from gatewayops.base.clock import unix_s
from gatewayops.base.errors import Conflict, TooMany
from gatewayops.identity.oauth import identity_assertions, scopes, tokens
from gatewayops.identity.oauth.access_token import LEEWAY_S
from gatewayops.identity.oauth.authorization import Parameters
from gatewayops.identity.oauth.identity_assertions import IdentityAssertion, KeyUnknown, Wanted
from gatewayops.identity.oauth.refusals import OAuthRefused, invalid_grant, invalid_request, invalid_scope
from gatewayops.store.control import identity_issuers, oauth_grants, used_assertions
from gatewayops.store.control.identity_issuers import Issuer
from gatewayops.store.control.oauth_clients import Client
from gatewayops.store.control.oauth_grants import Approval


async def of_assertion(
    given: Parameters, here: Here, parts: ControlParts, state: OAuthState, client: Client
) -> Issue:
    """A token without a refresh token: the provider is asked again each time. Raises OAuthRefused."""
    assertion = given.get("assertion")
    if not assertion:
        msg = "assertion: missing"
        raise invalid_request(msg)
    org_id = here.server.org_id
    named = identity_assertions.issuer_of(assertion)
    async with parts.database.reading() as session:
        issuer = await identity_issuers.of_issuer(session, org_id=org_id, issuer=named)
    if issuer is None:
        msg = "assertion: its issuer is not trusted here"
        raise invalid_grant(msg)
    wanted = Wanted(issuer.issuer, here.issuer, client.client_id, here.resource)
    claims = await _checked(assertion, wanted, here, state, issuer)
    scope = _scope(given.get("scope"), claims, here)
    grant_id, user_id = await _taken(parts, here, client, issuer, claims, scope)
    return Issue(user_id, client.client_id, grant_id, scope)


async def _checked(
    assertion: str, wanted: Wanted, here: Here, state: OAuthState, issuer: Issuer
) -> IdentityAssertion:
    """Against the keys that are kept, and once a minute against new ones: providers change theirs."""
    is_kept = issuer.jwks_uri in state.key_sets
    jwks = await _keys(here, state, issuer)
    try:
        return identity_assertions.check(assertion, jwks, wanted, now_s=unix_s())
    except KeyUnknown as unknown:
        if not is_kept:
            raise
        try:
            state.new_keys.check(issuer.jwks_uri)
        except TooMany:
            raise unknown from None
    state.new_keys.add(issuer.jwks_uri)
    jwks = await _keys(here, state, issuer, anew=True)
    return identity_assertions.check(assertion, jwks, wanted, now_s=unix_s())


async def _keys(here: Here, state: OAuthState, issuer: Issuer, *, anew: bool = False) -> str:
    try:
        return await fetched_keys(state, here, issuer.jwks_uri, anew=anew)
    except OAuthRefused as error:
        msg = f"assertion: the keys of its issuer are not to be had: {error.detail}"
        raise invalid_grant(msg) from error


def _scope(asked: str, claims: IdentityAssertion, here: Here) -> str:
    """What the client asks for, the provider allows and this server offers."""
    offered = here.server.scopes
    vouched = offered if claims.scope is None else scopes.parsed(claims.scope)
    wanted = scopes.parsed(asked) or offered
    kept = [one for one in offered if one in vouched and one in wanted]
    if offered and not kept:
        msg = "scope: nothing of it is both offered here and allowed by the assertion"
        raise invalid_scope(msg)
    return " ".join(kept)


async def _taken(
    parts: ControlParts, here: Here, client: Client, issuer: Issuer, claims: IdentityAssertion, scope: str
) -> tuple[str, str]:
    org_id = here.server.org_id
    once = tokens.digest(f"{issuer.id} {claims.token_id}")
    try:
        async with parts.database.session() as session:
            await used_assertions.use_up(
                session, org_id=org_id, digest=once, expires_s=claims.expires_at + LEEWAY_S
            )
            user_id = await identity_issuers.end_user(
                session, issuer, subject=claims.subject, email=claims.email
            )
            if user_id is None:
                msg = "assertion: this person may not use the server"
                raise invalid_grant(msg)
            approval = Approval(here.server.id, user_id, client.id, scope)
            return await oauth_grants.add(session, org_id=org_id, approval=approval), user_id
    except Conflict as error:
        msg = "assertion: used already, or for an e-mail address whose account was there before"
        raise invalid_grant(msg) from error
