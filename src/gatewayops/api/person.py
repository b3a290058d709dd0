"""A person as the caller: the session behind a token, asked of the store on every request."""

from contextlib import suppress

from fastapi import Request

from gatewayops.base import clock
from gatewayops.base.errors import GatewayOpsError, Reason, Unauthenticated
from gatewayops.identity import same_visit
from gatewayops.identity.principal import PERSON, Principal
from gatewayops.identity.user_tokens import hash_of, is_session_token
from gatewayops.store.control import user_sessions
from gatewayops.store.control.database import Database
from gatewayops.store.control.user_sessions import SignedIn


async def signed_in(database: Database, token: str) -> SignedIn | None:
    """Who is signed in with this token; their session slides on. None when it is no session or it is over."""
    if not is_session_token(token):
        return None
    async with database.reading() as session:
        found = await user_sessions.of_hash(session, hash_of(token))
    if found is not None and clock.now() - found.session.used_at > user_sessions.TOUCHED_EVERY:
        with suppress(GatewayOpsError):  # a request that only reads does not fail for it
            async with database.session() as session:
                await user_sessions.touch(session, found.session)
    return found


async def person(request: Request, database: Database, token: str) -> Principal:
    """The caller of a request with this session; routes find it as `current`. Raises Unauthenticated."""
    visit = same_visit.of(request.scope)
    found: SignedIn | None = visit.known(token) or await signed_in(database, token)
    if found is None:
        msg = "the session is over: sign in again"
        raise Unauthenticated(msg, Reason.SESSION_UNKNOWN)
    visit.keep(token, found)
    request.state.signed_in = found
    return principal_of(found)


def current(request: Request) -> SignedIn | None:
    """The caller's session; None for keys."""
    found: SignedIn | None = getattr(request.state, "signed_in", None)
    return found


def principal_of(found: SignedIn) -> Principal:
    """Whom a session stands for: it holds what roles and policies say, and nothing without any."""
    return Principal(
        org_id=found.session.org_id,
        key_id="",
        key_name=found.email,
        user_id=found.session.user_id,
        team_id=found.team_id,
        servers=("*",),
        actions=("*",),
        kind=PERSON,
    )
