"""Roles and who holds them. Predefined roles are found here too, but nobody changes them."""

from collections.abc import Sequence
from datetime import datetime
from operator import itemgetter

import msgspec
from sqlalchemy import Select, bindparam, func, or_, select

from gatewayops.base.errors import Conflict, InvalidInput, NotFound
from gatewayops.base.ids import new_id
from gatewayops.store.control import access, revision, rows
from gatewayops.store.control.access import Subject
from gatewayops.store.control.access_tables import Role as RoleTable
from gatewayops.store.control.access_tables import RoleBinding
from gatewayops.store.control.database import Session
from gatewayops.store.control.paging import Asked, Page, page_of
from gatewayops.store.predefined_roles import DESCRIPTIONS, PREDEFINED, predefined
from gatewayops.store.snapshot import Permission

# Made once: to make a statement anew costs as much as to run it.
_OF_SUBJECTS = select(RoleBinding).where(
    RoleBinding.org_id == bindparam("org_id"),
    RoleBinding.subject_kind == bindparam("kind"),
    RoleBinding.subject_id.in_(bindparam("ids", expanding=True)),
)
_OWN = select(RoleTable).where(
    RoleTable.org_id == bindparam("org_id"), RoleTable.id.in_(bindparam("ids", expanding=True))
)


class Role(msgspec.Struct, frozen=True):
    """A role; a predefined one has no `created_at`."""

    id: str
    name: str
    description: str
    permissions: tuple[Permission, ...]
    created_at: datetime | None = None

    @property
    def is_predefined(self) -> bool:
        """Whether every organisation has it."""
        return self.created_at is None


class Binding(msgspec.Struct, frozen=True):
    """Who holds a role."""

    id: str
    role_id: str
    subject: Subject
    created_at: datetime


def all_predefined() -> tuple[Role, ...]:
    """Those that every organisation has."""
    return tuple(
        Role(id=role.id, name=role.name, description=DESCRIPTIONS[role.id], permissions=role.permissions)
        for role in PREDEFINED
    )


async def add(
    session: Session, *, org_id: str, name: str, description: str, permissions: tuple[Permission, ...]
) -> Role:
    """A custom role. Raises Conflict for a name that is taken, by a predefined role in any case."""
    _check_name(name)
    row = RoleTable(
        id=new_id("role"),
        org_id=org_id,
        name=name,
        description=description,
        permissions=msgspec.to_builtins(permissions),
    )
    await rows.add(session, row, taken=f"name: a role {name} exists")
    await revision.bump(session)
    return _role(row)


async def change(
    session: Session,
    *,
    org_id: str,
    role_id: str,
    name: str | None = None,
    description: str | None = None,
    permissions: tuple[Permission, ...] | None = None,
) -> Role:
    """Changes what is given, for all who hold it. Raises NotFound, and Conflict for a predefined role."""
    row = await _custom(session, org_id, role_id)
    if name is not None:
        _check_name(name)
        row.name = name
    if description is not None:
        row.description = description
    if permissions is not None:
        row.permissions = msgspec.to_builtins(permissions)
    await rows.flush(session, taken=f"name: a role {name} exists")
    await revision.bump(session)
    return _role(row)


async def remove(session: Session, *, org_id: str, role_id: str) -> None:
    """Raises NotFound, and Conflict while somebody holds it: scopes alone would govern them then."""
    row = await _custom(session, org_id, role_id)
    held = select(func.count()).where(RoleBinding.org_id == org_id, RoleBinding.role_id == role_id)
    if await session.scalar(held):
        msg = f"the role {row.name} is bound; unbind it first"
        raise Conflict(msg)
    await session.delete(row)
    await session.flush()
    await revision.bump(session)


async def find(session: Session, *, org_id: str, ref: str) -> Role:
    """A role by id or name, predefined ones in any case. Raises NotFound."""
    given = predefined(ref)
    if given is not None:
        return next(role for role in all_predefined() if role.id == given.id)
    is_it = or_(RoleTable.id == ref, RoleTable.name == ref)
    row = await session.scalar(select(RoleTable).where(RoleTable.org_id == org_id, is_it))
    if row is None:
        msg = "no role of that id or name"
        raise NotFound(msg)
    return _role(row)


async def page(session: Session, *, org_id: str, asked: Asked) -> Page[Role]:
    """The organisation's own roles, newest first."""
    found = await page_of(session, select(RoleTable).where(RoleTable.org_id == org_id), RoleTable, asked)
    return Page(rows=tuple(map(_role, found.rows)), cursor=found.cursor)


async def bind(session: Session, *, org_id: str, role: Role, subject: Subject, given_by: str = "") -> Binding:
    """Gives a role to a subject; a role they hold stays as it is.

    `given_by` is the identity provider whose groups give it and may take it back; what a hand gives stays.
    """
    query = _bindings(org_id, role.id).where(
        RoleBinding.subject_kind == subject.kind, RoleBinding.subject_id == subject.id
    )
    row = await session.scalar(query)
    if row is None:
        row = RoleBinding(
            id=new_id("bind"),
            org_id=org_id,
            role_id=role.id,
            subject_kind=subject.kind,
            subject_id=subject.id,
            given_by=given_by,
        )
        await rows.add(session, row, taken="another change of this binding came first")
        await revision.bump(session)
    elif not given_by:
        row.given_by = ""
    return Binding(id=row.id, role_id=role.id, subject=subject, created_at=row.created_at)


async def bindings(session: Session, *, org_id: str, role_id: str, asked: Asked) -> Page[Binding]:
    """Who holds a role, newest first."""
    found = await page_of(session, _bindings(org_id, role_id), RoleBinding, asked)
    held_by = {(row.subject_kind, row.subject_id) for row in found.rows}
    names = await access.names(session, org_id=org_id, subjects=held_by)
    return Page(rows=tuple(_binding(row, names) for row in found.rows), cursor=found.cursor)


async def unbind(session: Session, *, org_id: str, role_id: str, binding_id: str) -> Binding:
    """Takes a role from a subject; returns what was. Raises NotFound."""
    row = await session.scalar(_bindings(org_id, role_id).where(RoleBinding.id == binding_id))
    if row is None:
        msg = "no binding of that id"
        raise NotFound(msg)
    await session.delete(row)
    await session.flush()
    await revision.bump(session)
    return _binding(row, {})


async def of_keys(session: Session, *, org_id: str, key_ids: list[str]) -> dict[str, list[str]]:
    """The names of the roles bound to keys themselves, by key."""
    found = (await session.scalars(_OF_SUBJECTS, {"org_id": org_id, "kind": "key", "ids": key_ids})).all()
    names = await _names(session, org_id, found)
    held: dict[str, list[str]] = {}
    for row in found:
        held.setdefault(row.subject_id, []).append(names.get(row.role_id, row.role_id))
    return {key_id: sorted(roles) for key_id, roles in held.items()}


async def of_users(
    session: Session, *, org_id: str, user_ids: list[str]
) -> dict[str, list[tuple[str, str, str]]]:
    """(binding id, role id, role name) of the roles bound to users themselves, by user."""
    found = (await session.scalars(_OF_SUBJECTS, {"org_id": org_id, "kind": "user", "ids": user_ids})).all()
    names = await _names(session, org_id, found)
    held: dict[str, list[tuple[str, str, str]]] = {}
    for row in found:
        held.setdefault(row.subject_id, []).append((row.id, row.role_id, names.get(row.role_id, row.role_id)))
    return {user_id: sorted(bound, key=itemgetter(2)) for user_id, bound in held.items()}


async def _names(session: Session, org_id: str, found: Sequence[RoleBinding]) -> dict[str, str]:
    """What the roles of bindings are called, by id."""
    names = {role.id: role.name for role in PREDEFINED}
    if ids := {row.role_id for row in found} - names.keys():
        own = await session.scalars(_OWN, {"org_id": org_id, "ids": list(ids)})
        names |= {role.id: role.name for role in own}
    return names


def _bindings(org_id: str, role_id: str) -> Select[RoleBinding]:
    return select(RoleBinding).where(RoleBinding.org_id == org_id, RoleBinding.role_id == role_id)


async def _custom(session: Session, org_id: str, role_id: str) -> RoleTable:
    if predefined(role_id) is not None:
        msg = "a predefined role stays as it is; make one of your own"
        raise Conflict(msg)
    row = await session.scalar(select(RoleTable).where(RoleTable.org_id == org_id, RoleTable.id == role_id))
    if row is None:
        msg = "no role of that id"
        raise NotFound(msg)
    return row


def _check_name(name: str) -> None:
    if predefined(name) is not None:
        msg = f"name: {name} is a predefined role"
        raise Conflict(msg)
    if name.startswith("role_"):
        msg = "name: role_ begins the ids of roles"
        raise InvalidInput(msg)


def _role(row: RoleTable) -> Role:
    return Role(
        id=row.id,
        name=row.name,
        description=row.description,
        permissions=access.permissions_of(row.permissions),
        created_at=row.created_at,
    )


def _binding(row: RoleBinding, names: dict[str, str]) -> Binding:
    subject = Subject(row.subject_kind, row.subject_id, names.get(row.subject_id, ""))
    return Binding(id=row.id, role_id=row.role_id, subject=subject, created_at=row.created_at)
