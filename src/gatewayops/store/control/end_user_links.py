"""Links mailed to end users: each works once, for one person and address, at one server.

One statement uses a link up, so of two who come at once one wins.
"""

from datetime import datetime, timedelta

import msgspec
from sqlalchemy import ColumnElement, select, update

from gatewayops.base import clock
from gatewayops.base.errors import InvalidInput
from gatewayops.base.ids import new_id
from gatewayops.store.control import rows
from gatewayops.store.control.database import Session
from gatewayops.store.control.end_user_tables import EndUserLink as LinkTable
from gatewayops.store.control.oauth_tables import EndUser as EndUserTable

VERIFY = "verify"
RESET = "reset"
LIVES = {VERIFY: timedelta(days=1), RESET: timedelta(hours=1)}
_PAST = {"synchronize_session": False}


class NewLink(msgspec.Struct, frozen=True, kw_only=True):
    """A link to be made; `hash` is the SHA-256 of what its address holds."""

    server_id: str
    end_user_id: str
    kind: str
    hash: str
    email: str
    request_id: str = ""


class Link(msgspec.Struct, frozen=True):
    """A link without what opens it; `request_id` is the authorization request that it began with."""

    id: str
    end_user_id: str
    kind: str
    email: str
    request_id: str
    expires_at: datetime


class Presented(msgspec.Struct, frozen=True):
    """What somebody came with: good at the server that it was mailed for only."""

    org_id: str
    server_id: str
    kind: str
    hash: str


async def add(session: Session, *, org_id: str, new: NewLink) -> Link:
    """Makes it; an older one of the kind works no longer."""
    await end_all(session, org_id=org_id, end_user_id=new.end_user_id, kind=new.kind)
    expires_at = clock.now() + LIVES[new.kind]
    made = {"id": new_id("eul"), "org_id": org_id, "expires_at": expires_at, "used_at": None}
    row = LinkTable(**msgspec.structs.asdict(new), **made)
    await rows.add(session, row, taken="this link exists")
    return _link(row)


async def peek(session: Session, given: Presented) -> Link | None:
    """The link if it would still work; looking uses nothing up."""
    row = await session.scalar(select(LinkTable).where(*_works(given)))
    return None if row is None else _link(row)


async def use(session: Session, given: Presented) -> Link:
    """Uses it up. Raises InvalidInput for one that is unknown, used or over: the answer is the same."""
    spent = update(LinkTable).where(*_works(given)).values(used_at=clock.now())
    link_id = await session.scalar(spent.returning(LinkTable.id), execution_options=_PAST)
    if link_id is None:
        msg = "token: this link was used, has expired, or was never made; ask for a new one"
        raise InvalidInput(msg)
    return _link(await session.get_one(LinkTable, link_id, populate_existing=True))


async def end_all(session: Session, *, org_id: str, end_user_id: str, kind: str = "") -> None:
    """Open links of the person, or those of a kind, work no longer."""
    over = update(LinkTable).where(
        LinkTable.org_id == org_id, LinkTable.end_user_id == end_user_id, LinkTable.used_at.is_(None)
    )
    over = over.where(LinkTable.kind == kind) if kind else over
    await session.execute(over.values(used_at=clock.now()), execution_options=_PAST)


def _works(given: Presented) -> tuple[ColumnElement[bool], ...]:
    """Also only while the person may sign in, and has that address still."""
    theirs = select(EndUserTable.id).where(
        EndUserTable.id == LinkTable.end_user_id,
        EndUserTable.email == LinkTable.email,
        EndUserTable.disabled_at.is_(None),
    )
    return (
        LinkTable.org_id == given.org_id,
        LinkTable.server_id == given.server_id,
        LinkTable.kind == given.kind,
        LinkTable.hash == given.hash,
        LinkTable.used_at.is_(None),
        LinkTable.expires_at > clock.now(),
        theirs.exists(),
    )


def _link(row: LinkTable) -> Link:
    return Link(**{name: getattr(row, name) for name in Link.__struct_fields__})
