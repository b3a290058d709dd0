"""Policies: permissions that an organisation, team, user or key holds without a role between."""

from datetime import datetime

import msgspec
from sqlalchemy import select

from gatewayops.base.errors import NotFound
from gatewayops.base.ids import new_id
from gatewayops.store.control import access, revision, rows
from gatewayops.store.control.access import Subject, permission_of
from gatewayops.store.control.access_tables import AccessPolicy
from gatewayops.store.control.database import Session
from gatewayops.store.control.paging import Asked, Page, page_of
from gatewayops.store.snapshot import Permission

_TAKEN = "the subject holds this policy already"


class Policy(msgspec.Struct, frozen=True):
    """A permission and who holds it."""

    id: str
    subject: Subject
    permission: Permission
    description: str
    created_at: datetime


async def add(
    session: Session, *, org_id: str, subject: Subject, permission: Permission, description: str
) -> Policy:
    """Raises Conflict when the subject holds the same."""
    row = AccessPolicy(
        id=new_id("pol"),
        org_id=org_id,
        subject_kind=subject.kind,
        subject_id=subject.id,
        description=description,
        **msgspec.structs.asdict(permission),
    )
    await rows.add(session, row, taken=_TAKEN)
    await revision.bump(session)
    return _policy(row, {subject.id: subject.name})


async def change(
    session: Session, *, org_id: str, policy_id: str, permission: Permission, description: str | None = None
) -> Policy:
    """Says something else for the same subject. Raises NotFound, Conflict."""
    row = await _row(session, org_id, policy_id)
    for field, value in msgspec.structs.asdict(permission).items():
        setattr(row, field, value)
    if description is not None:
        row.description = description
    await rows.flush(session, taken=_TAKEN)
    await revision.bump(session)
    return await _named(session, row)


async def find(session: Session, *, org_id: str, policy_id: str) -> Policy:
    """Raises NotFound."""
    return await _named(session, await _row(session, org_id, policy_id))


async def page(
    session: Session, *, org_id: str, asked: Asked, subject: Subject | None = None
) -> Page[Policy]:
    """The organisation's policies, newest first; of one subject if asked."""
    query = select(AccessPolicy).where(AccessPolicy.org_id == org_id)
    if subject is not None:
        query = query.where(AccessPolicy.subject_kind == subject.kind, AccessPolicy.subject_id == subject.id)
    found = await page_of(session, query, AccessPolicy, asked)
    held_by = {(row.subject_kind, row.subject_id) for row in found.rows}
    names = await access.names(session, org_id=org_id, subjects=held_by)
    return Page(rows=tuple(_policy(row, names) for row in found.rows), cursor=found.cursor)


async def remove(session: Session, *, org_id: str, policy_id: str) -> None:
    """Raises NotFound."""
    await session.delete(await _row(session, org_id, policy_id))
    await session.flush()
    await revision.bump(session)


async def _row(session: Session, org_id: str, policy_id: str) -> AccessPolicy:
    query = select(AccessPolicy).where(AccessPolicy.org_id == org_id, AccessPolicy.id == policy_id)
    row = await session.scalar(query)
    if row is None:
        msg = "no policy of that id"
        raise NotFound(msg)
    return row


async def _named(session: Session, row: AccessPolicy) -> Policy:
    held_by = {(row.subject_kind, row.subject_id)}
    return _policy(row, await access.names(session, org_id=row.org_id, subjects=held_by))


def _policy(row: AccessPolicy, names: dict[str, str]) -> Policy:
    subject = Subject(row.subject_kind, row.subject_id, names.get(row.subject_id, ""))
    return Policy(
        id=row.id,
        subject=subject,
        permission=permission_of(row),
        description=row.description,
        created_at=row.created_at,
    )
