"""Roles and the team that groups of an identity provider give, and take back when the groups do.

What a hand gave stays. Whom groups govern always holds a role of the provider's giving, if only one that
grants nothing: without any role, the scopes of a person's keys alone would govern these.
"""

from collections.abc import Iterable

from sqlalchemy import select

from gatewayops.base.errors import NotFound
from gatewayops.store.control import revision, roles
from gatewayops.store.control.access import Subject
from gatewayops.store.control.access_tables import RoleBinding
from gatewayops.store.control.database import Session
from gatewayops.store.control.roles import Role

NOTHING = Role(id="role_none", name="none", description="Grants nothing.", permissions=())


async def apply(
    session: Session, *, org_id: str, provider_id: str, subject: Subject, role_ids: Iterable[str]
) -> None:
    """The subject holds just these roles of the provider's giving; roles that are gone are left out."""
    found = [await _found(session, org_id, role_id) for role_id in dict.fromkeys(role_ids)]
    wanted = {role.id: role for role in found if role is not None} or {NOTHING.id: NOTHING}
    given = select(RoleBinding).where(
        RoleBinding.org_id == org_id,
        RoleBinding.given_by == provider_id,
        RoleBinding.subject_kind == subject.kind,
        RoleBinding.subject_id == subject.id,
    )
    for role in wanted.values():
        await roles.bind(session, org_id=org_id, role=role, subject=subject, given_by=provider_id)
    for row in (await session.scalars(given)).all():
        if row.role_id not in wanted:
            await session.delete(row)
            await revision.bump(session)
    await session.flush()


async def has_given(session: Session, *, provider_id: str, subject: Subject) -> bool:
    """Whether the subject holds any role of the provider's giving."""
    query = select(RoleBinding.id).where(
        RoleBinding.given_by == provider_id,
        RoleBinding.subject_kind == subject.kind,
        RoleBinding.subject_id == subject.id,
    )
    return await session.scalar(query.limit(1)) is not None


async def take_back(session: Session, *, org_id: str, provider_id: str, but: Iterable[str]) -> None:
    """From everybody what no group gives any more: all roles of the provider's giving, `but` these.

    They need not sign in for it: who never comes again would keep the role, and their keys with them.
    """
    given = select(RoleBinding).where(
        RoleBinding.org_id == org_id,
        RoleBinding.given_by == provider_id,
        RoleBinding.role_id.not_in({*but, NOTHING.id}),
    )
    for row in (await session.scalars(given)).all():
        subject = Subject(row.subject_kind, row.subject_id)
        await session.delete(row)
        await roles.bind(session, org_id=org_id, role=NOTHING, subject=subject, given_by=provider_id)
        await revision.bump(session)
    await session.flush()


async def take_all_back(session: Session, *, org_id: str, provider_id: str) -> None:
    """From everybody; each of them holds a role that grants nothing instead."""
    given = select(RoleBinding).where(RoleBinding.org_id == org_id, RoleBinding.given_by == provider_id)
    for row in (await session.scalars(given)).all():
        subject = Subject(row.subject_kind, row.subject_id)
        if row.role_id != NOTHING.id:
            await session.delete(row)
        await roles.bind(session, org_id=org_id, role=NOTHING, subject=subject)
    await session.flush()
    await revision.bump(session)


async def _found(session: Session, org_id: str, role_id: str) -> Role | None:
    try:
        return await roles.find(session, org_id=org_id, ref=role_id)
    except NotFound:
        return None
