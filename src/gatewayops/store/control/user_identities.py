"""Who users are at their organisation's identity providers, as administrators see it and take it away."""

from datetime import datetime

import msgspec
from sqlalchemy import select

from gatewayops.base.errors import NotFound
from gatewayops.store.control import directory, group_roles, identity_providers, pending_sign_ins
from gatewayops.store.control.access import Subject
from gatewayops.store.control.database import Session
from gatewayops.store.control.directory import User
from gatewayops.store.control.paging import Asked, Page, page_of
from gatewayops.store.control.sso_tables import IdentityProvider, UserIdentity


class Identity(msgspec.Struct, frozen=True):
    """One that a user comes in by; `provider` is the provider's name."""

    id: str
    provider_id: str
    provider: str
    issuer: str
    subject: str
    email: str
    created_at: datetime
    used_at: datetime


async def page(session: Session, *, org_id: str, user_id: str, asked: Asked) -> Page[Identity]:
    """Those of a user, newest first."""
    query = select(UserIdentity).where(UserIdentity.org_id == org_id, UserIdentity.user_id == user_id)
    found = await page_of(session, query, UserIdentity, asked)
    named = select(IdentityProvider.id, IdentityProvider.name).where(IdentityProvider.org_id == org_id)
    ids = {row.provider_id for row in found.rows}
    rows = await session.execute(named.where(IdentityProvider.id.in_(ids)))
    names = {row.id: row.name for row in rows}
    return Page(rows=tuple(_identity(row, names[row.provider_id]) for row in found.rows), cursor=found.cursor)


async def remove(session: Session, *, org_id: str, user: User, identity_id: str) -> None:
    """The user comes in by it no more: what it began ends, and what groups there gave is taken back.

    Raises NotFound.
    """
    row = await session.scalar(
        select(UserIdentity).where(
            UserIdentity.org_id == org_id,
            UserIdentity.user_id == user.id,
            UserIdentity.id == identity_id,
        )
    )
    if row is None:
        msg = "no identity of that id"
        raise NotFound(msg)
    whose = {"org_id": org_id, "user_id": user.id}
    await session.delete(row)
    await identity_providers.end_sessions(session, provider_id=row.provider_id, **whose)
    await pending_sign_ins.end_all(session, **whose)
    subject = Subject("user", user.id, user.email)
    if await group_roles.has_given(session, provider_id=row.provider_id, subject=subject):
        await group_roles.apply(
            session, org_id=org_id, provider_id=row.provider_id, subject=subject, role_ids=()
        )
    if row.team_id and row.team_id == user.team_id:
        await directory.put_in_team(session, team_id="", **whose)


def _identity(row: UserIdentity, provider: str) -> Identity:
    names = (name for name in Identity.__struct_fields__ if name != "provider")
    return Identity(provider=provider, **{name: getattr(row, name) for name in names})
