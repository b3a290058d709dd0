"""Servers that end users sign in to, as their OAuth server needs to know them."""

import msgspec
from sqlalchemy import or_, select

from gatewayops.base.errors import NotFound, Reason
from gatewayops.store.control import server_brandings
from gatewayops.store.control.database import Session
from gatewayops.store.control.oauth_grant_tables import IdentityIssuer
from gatewayops.store.control.oauth_tables import OAuthClient
from gatewayops.store.control.server_brandings import PLAIN, Branding
from gatewayops.store.control.tables import McpServer

PROTECTED = "platform_oauth"


class ProtectedServer(msgspec.Struct, frozen=True):
    """A server whose callers sign in here. `slug` names it in addresses; its scopes may be none."""

    id: str
    org_id: str
    name: str
    slug: str
    scopes: tuple[str, ...]
    allows_sign_up: bool
    requires_verified_email: bool
    offers_password: bool = True
    branding: Branding = PLAIN  # of `by_slug` only
    grants: frozenset[str] = frozenset()  # grant types that registered clients may use; of `by_slug` only
    trusts_issuers: bool = False  # whether anybody's identity assertions count; of `by_slug` only


async def by_slug(session: Session, *, slug: str) -> ProtectedServer:
    """Before anybody signed in, so of all organisations. Raises NotFound, also for other protection."""
    query = select(McpServer).where(McpServer.slug == slug, McpServer.auth == PROTECTED)
    server = _found(await session.scalar(query))
    registered = select(OAuthClient.grant_types).where(
        OAuthClient.org_id == server.org_id,
        OAuthClient.server_id == server.id,
        OAuthClient.kind == "registered",
        OAuthClient.disabled_at.is_(None),
    )
    issuer = select(IdentityIssuer.id).where(IdentityIssuer.org_id == server.org_id).limit(1)
    return msgspec.structs.replace(
        server,
        grants=frozenset(one for kept in await session.scalars(registered) for one in kept),
        trusts_issuers=await session.scalar(issuer) is not None,
        branding=await server_brandings.find(session, org_id=server.org_id, server_id=server.id),
    )


async def find(session: Session, *, org_id: str, ref: str) -> ProtectedServer:
    """By id or name. Raises NotFound."""
    is_it = or_(McpServer.id == ref, McpServer.name == ref)
    query = select(McpServer).where(McpServer.org_id == org_id, McpServer.auth == PROTECTED, is_it)
    return _found(await session.scalar(query))


def _found(row: McpServer | None) -> ProtectedServer:
    if row is None:
        msg = "there is no server of that name that people sign in to"
        raise NotFound(msg, Reason.SERVER_UNKNOWN)
    return ProtectedServer(
        id=row.id,
        org_id=row.org_id,
        name=row.name,
        slug=row.slug,
        scopes=tuple(row.oauth_scopes),
        allows_sign_up=row.allows_sign_up,
        offers_password=row.offers_password,
        requires_verified_email=row.requires_verified_email,
    )
