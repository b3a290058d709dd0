"""Identity providers that an organisation trusts to vouch for its end users, and whom they vouched for.

An issuer's users are people of their own: nobody is ever taken for an end user who was there before.
"""

from datetime import datetime

import msgspec
from sqlalchemy import or_, select

from gatewayops.base.errors import Conflict, NotFound
from gatewayops.base.ids import new_id
from gatewayops.store.control import end_users, revision, rows
from gatewayops.store.control.database import Session
from gatewayops.store.control.oauth_grant_tables import IdentityIssuer, IdentitySubject
from gatewayops.store.control.oauth_tables import EndUser
from gatewayops.store.control.paging import Asked, Page, page_of


class Issuer(msgspec.Struct, frozen=True):
    """One that is trusted; `issuer` is what its assertions call it."""

    id: str
    org_id: str
    name: str
    issuer: str
    jwks_uri: str
    created_at: datetime


async def add(session: Session, *, org_id: str, name: str, issuer: str, jwks_uri: str) -> Issuer:
    """Its assertions count from now on. Raises Conflict."""
    row = IdentityIssuer(id=new_id("iss"), org_id=org_id, name=name, issuer=issuer, jwks_uri=jwks_uri)
    await rows.add(session, row, taken="that issuer is trusted already")
    await revision.bump(session)
    return _issuer(row)


async def page(session: Session, *, org_id: str, asked: Asked) -> Page[Issuer]:
    """Those of an organisation, newest first."""
    query = select(IdentityIssuer).where(IdentityIssuer.org_id == org_id)
    found = await page_of(session, query, IdentityIssuer, asked)
    return Page(rows=tuple(map(_issuer, found.rows)), cursor=found.cursor)


async def remove(session: Session, *, org_id: str, ref: str) -> None:
    """No assertion of it counts any more, and whoever it vouched for loses their tokens. Raises NotFound."""
    is_it = or_(IdentityIssuer.id == ref, IdentityIssuer.issuer == ref)
    row = await session.scalar(select(IdentityIssuer).where(IdentityIssuer.org_id == org_id, is_it))
    if row is None:
        msg = "no issuer of that id or address is trusted"
        raise NotFound(msg)
    vouched = select(IdentitySubject.end_user_id).where(
        IdentitySubject.org_id == org_id, IdentitySubject.issuer_id == row.id
    )
    for user_id in (await session.scalars(vouched)).all():
        await end_users.revoke(session, org_id=org_id, ref=user_id)
    await session.delete(row)
    await session.flush()
    await revision.bump(session)


async def of_issuer(session: Session, *, org_id: str, issuer: str) -> Issuer | None:
    """By what its assertions call it."""
    query = select(IdentityIssuer).where(IdentityIssuer.org_id == org_id, IdentityIssuer.issuer == issuer)
    row = await session.scalar(query)
    return None if row is None else _issuer(row)


async def end_user(session: Session, known: Issuer, *, subject: str, email: str) -> str | None:
    """The id of whom the issuer calls that, made when they come first; None when they are disabled.

    Raises Conflict when the e-mail address is somebody's who was there before.
    """
    query = (
        select(EndUser)
        .join(IdentitySubject, IdentitySubject.end_user_id == EndUser.id)
        .where(IdentitySubject.issuer_id == known.id, IdentitySubject.subject == subject)
        .where(IdentitySubject.org_id == known.org_id)
    )
    row = await session.scalar(query)
    if row is not None:
        return row.id if row.disabled_at is None else None
    taken = select(EndUser.id).where(EndUser.org_id == known.org_id, EndUser.email == email.lower())
    if await session.scalar(taken) is not None:
        msg = "an end user of that e-mail address was there before; its operator decides who they are"
        raise Conflict(msg)
    user = await end_users.add(session, org_id=known.org_id, email=email.lower(), name="", password_hash="")
    session.add(
        IdentitySubject(
            id=new_id("ids"),
            org_id=known.org_id,
            issuer_id=known.id,
            subject=subject,
            end_user_id=user.id,
        )
    )
    await session.flush()
    return user.id


def _issuer(row: IdentityIssuer) -> Issuer:
    return Issuer(**{name: getattr(row, name) for name in Issuer.__struct_fields__})
