"""Addresses that work once: invitations, resets of a password, and the first administrator's. One statement
uses a link up, so of two who come at once one wins."""

from datetime import datetime, timedelta

import msgspec
from sqlalchemy import ColumnElement, delete, select, update

from gatewayops.base import clock
from gatewayops.base.errors import InvalidInput, NotFound
from gatewayops.base.ids import new_id
from gatewayops.store.control import rows
from gatewayops.store.control.account_tables import OneTimeLink as LinkTable
from gatewayops.store.control.database import Session
from gatewayops.store.control.paging import Asked, Page, page_of

INVITATION = "invitation"
RESET = "reset"
FIRST_ADMIN = "first_admin"
LIVES = {INVITATION: timedelta(days=7), RESET: timedelta(hours=1), FIRST_ADMIN: timedelta(hours=24)}
_KEPT = timedelta(days=30)  # after the end
_PAST = {"synchronize_session": False}


class NewLink(msgspec.Struct, frozen=True, kw_only=True):
    """A link to be made; `hash` is the SHA-256 of what its address holds."""

    org_id: str
    kind: str
    hash: str
    email: str = ""
    role_id: str = ""
    team_id: str = ""
    made_by: str = ""


class Link(msgspec.Struct, frozen=True):
    """A link without what opens it."""

    id: str
    org_id: str
    kind: str
    email: str
    role_id: str
    team_id: str
    made_by: str
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None


async def add(session: Session, new: NewLink) -> Link:
    """Makes it; links that ended long ago are forgotten."""
    now = clock.now()
    await session.execute(
        delete(LinkTable).where(LinkTable.expires_at < now - _KEPT), execution_options=_PAST
    )
    row = LinkTable(
        **msgspec.structs.asdict(new),
        id=new_id("link"),
        created_at=now,
        expires_at=now + LIVES[new.kind],
        used_at=None,
    )
    await rows.add(session, row, taken="this link exists")
    return _link(row)


async def peek(session: Session, *, kind: str, link_hash: str) -> Link | None:
    """The link if it would still work; looking uses nothing up."""
    query = select(LinkTable).where(LinkTable.kind == kind, LinkTable.hash == link_hash, *_works())
    row = await session.scalar(query)
    return None if row is None else _link(row)


async def use(session: Session, *, kind: str, link_hash: str) -> Link:
    """Uses it up. Raises InvalidInput for one that is unknown, used or over: the answer is the same."""
    spent = update(LinkTable).where(LinkTable.kind == kind, LinkTable.hash == link_hash, *_works())
    found = await session.execute(
        spent.values(used_at=spent_at()).returning(LinkTable.id), execution_options=_PAST
    )
    link_id = found.scalar_one_or_none()
    if link_id is None:
        msg = "token: this link was used, has expired, or was never made; ask for a new one"
        raise InvalidInput(msg)
    return _link(await session.get_one(LinkTable, link_id, populate_existing=True))


def spent_at() -> datetime | None:
    """When a link that is used now was used."""
    return clock.now()


async def page(session: Session, *, org_id: str, asked: Asked) -> Page[Link]:
    """The organisation's invitations, used ones too; newest first."""
    query = select(LinkTable).where(LinkTable.org_id == org_id, LinkTable.kind == INVITATION)
    found = await page_of(session, query, LinkTable, asked)
    return Page(rows=tuple(map(_link, found.rows)), cursor=found.cursor)


async def withdraw(session: Session, *, org_id: str, link_id: str) -> None:
    """An invitation works no longer and is gone. Raises NotFound."""
    query = select(LinkTable).where(
        LinkTable.org_id == org_id, LinkTable.kind == INVITATION, LinkTable.id == link_id
    )
    row = await session.scalar(query)
    if row is None:
        msg = "no invitation of that id"
        raise NotFound(msg)
    await session.delete(row)
    await session.flush()


async def end_all(session: Session, *, org_id: str, kind: str, email: str) -> None:
    """Open links of that kind to this address work no longer: a newer one counts, or none is needed."""
    over = update(LinkTable).where(
        LinkTable.org_id == org_id,
        LinkTable.kind == kind,
        LinkTable.email == email,
        *_works(),
    )
    await session.execute(over.values(expires_at=clock.now()), execution_options=_PAST)


def _works() -> tuple[ColumnElement[bool], ...]:
    return LinkTable.used_at.is_(None), LinkTable.expires_at > clock.now()


def _link(row: LinkTable) -> Link:
    return Link(**{name: getattr(row, name) for name in Link.__struct_fields__})
