"""What ends access tokens before they expire: gateways know a revocation within a second.

A row says: of this end user, client, grant or token, whatever was issued at or before a moment no longer
counts. It may be forgotten when the last such token has expired.
"""

import msgspec
from sqlalchemy import delete, func, insert, select

from gatewayops.base.clock import unix_s
from gatewayops.base.ids import new_id
from gatewayops.store.control import revision
from gatewayops.store.control.database import Session
from gatewayops.store.control.oauth_tables import OAuthRevocation

_OUTLIVES_S = 1200  # a token's 900 s and both clocks


class Revocation(msgspec.Struct, frozen=True):
    """`kind` is end_user, client, grant or token; times are Unix seconds."""

    org_id: str
    kind: str
    subject: str
    before_s: int
    until_s: int


async def add(session: Session, *, org_id: str, kind: str, subject: str) -> None:
    """From now on. What was decided is told by the rows that say why: these are no configuration."""
    now_s = int(unix_s())
    gone = delete(OAuthRevocation).where(OAuthRevocation.until_s < now_s)
    await session.execute(gone)
    values = {"id": new_id("rev"), "org_id": org_id, "kind": kind, "subject": subject}
    await session.execute(
        insert(OAuthRevocation).values(before_s=now_s, until_s=now_s + _OUTLIVES_S, **values)
    )
    await revision.bump(session)


async def every(session: Session) -> tuple[Revocation, ...]:
    """Of all organisations, for gateways; none that may be forgotten."""
    query = select(OAuthRevocation).where(OAuthRevocation.until_s >= int(unix_s()))
    return tuple(
        Revocation(**{name: getattr(row, name) for name in Revocation.__struct_fields__})
        for row in await session.scalars(query.order_by(OAuthRevocation.id))
    )


async def covers(session: Session, *, org_id: str, iat: int, subjects: tuple[str, ...]) -> bool:
    """Whether a token of these subjects, issued then, no longer counts."""
    query = select(OAuthRevocation.id).where(
        OAuthRevocation.org_id == org_id,
        OAuthRevocation.subject.in_(subjects),
        OAuthRevocation.before_s >= iat,
    )
    return await session.scalar(query.limit(1)) is not None


async def latest(session: Session, *, org_id: str, subject: str) -> int:
    """The last second whose tokens of this subject no longer count; 0 for none."""
    query = select(func.max(OAuthRevocation.before_s))
    found = query.where(OAuthRevocation.org_id == org_id, OAuthRevocation.subject == subject)
    return await session.scalar(found) or 0
