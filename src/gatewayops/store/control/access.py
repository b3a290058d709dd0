"""Who may what, for all who decide: the rows of roles, bindings and policies; and subjects by their names."""

import msgspec
from sqlalchemy import select

from gatewayops.base.errors import InvalidInput
from gatewayops.store import snapshot
from gatewayops.store.control import directory, limits, revision
from gatewayops.store.control.access_tables import AccessPolicy, Role, RoleBinding
from gatewayops.store.control.database import Session
from gatewayops.store.control.tables import ApiKey, Organisation, Team, User

ORGANIZATION = "organization"


class Subject(msgspec.Struct, frozen=True):
    """Who holds a role or a policy: `kind` is organization, team, user or key."""

    kind: str
    id: str
    name: str = ""


async def rows(session: Session) -> snapshot.AccessRows:
    """Of all organisations, as gateways need them."""
    return snapshot.AccessRows(
        users=tuple(
            snapshot.UserRow(id=user.id, org_id=user.org_id, team_id=user.team_id or "")
            for user in await session.scalars(select(User))
        ),
        roles=tuple(
            snapshot.RoleRow(
                id=role.id, org_id=role.org_id, name=role.name, permissions=permissions_of(role.permissions)
            )
            for role in await session.scalars(select(Role))
        ),
        bindings=tuple(
            snapshot.BindingRow(
                id=row.id,
                org_id=row.org_id,
                role_id=row.role_id,
                subject_kind=row.subject_kind,
                subject_id=row.subject_id,
            )
            for row in await session.scalars(select(RoleBinding))
        ),
        policies=tuple(
            snapshot.PolicyRow(
                id=row.id,
                org_id=row.org_id,
                subject_kind=row.subject_kind,
                subject_id=row.subject_id,
                permission=permission_of(row),
            )
            for row in await session.scalars(select(AccessPolicy))
        ),
    )


async def state(session: Session) -> snapshot.Snapshot:
    """The part of a snapshot that decides about access, as this transaction sees it."""
    return snapshot.Snapshot(
        revision=await revision.current(session),
        made_at=0.0,
        teams=await limits.team_rows(session),
        access=await rows(session),
    )


async def find_subject(session: Session, *, org_id: str, kind: str, ref: str) -> Subject:
    """A team by id or name, a user by id or e-mail address, a key by id, the organisation by nothing.

    Raises InvalidInput for what the organisation does not have.
    """
    match kind:
        case "organization":
            found = await directory.organisation(session, org_id=org_id)
            if ref not in ("", found.id, found.slug):
                msg = "subject: leave it empty for your organisation"
                raise InvalidInput(msg)
            return Subject(kind, org_id, found.name)
        case "team":
            team_id = await directory.team_id(session, org_id=org_id, ref=ref, field="subject")
            if not team_id:
                msg = "subject: name a team"
                raise InvalidInput(msg)
            team = await session.get_one(Team, team_id)
            return Subject(kind, team_id, team.name)
        case "user":
            user = await directory.find_user(session, org_id=org_id, ref=ref, field="subject")
            return Subject(kind, user.id, user.email)
        case "key":
            key = await session.scalar(select(ApiKey).where(ApiKey.org_id == org_id, ApiKey.id == ref))
            if key is None:
                msg = "subject: no key of that id"
                raise InvalidInput(msg)
            return Subject(kind, key.id, key.name)
        case _:
            msg = "subject_kind: organization, team, user or key"
            raise InvalidInput(msg)


async def names(session: Session, *, org_id: str, subjects: set[tuple[str, str]]) -> dict[str, str]:
    """What subjects, given as (kind, id), are called, by id; those that are gone are left out."""
    found: dict[str, str] = {}
    for kind, table, column in (
        ("team", Team, Team.name),
        ("user", User, User.email),
        ("key", ApiKey, ApiKey.name),
    ):
        ids = [subject_id for of_kind, subject_id in subjects if of_kind == kind]
        if ids:
            query = select(table.id, column).where(table.org_id == org_id, table.id.in_(ids))
            found |= {row.id: row[1] for row in await session.execute(query)}
    if any(kind == ORGANIZATION for kind, _ in subjects):
        named = select(Organisation.id, Organisation.name).where(Organisation.id == org_id)
        found |= {row.id: row.name for row in await session.execute(named)}
    return found


def permission_of(row: AccessPolicy) -> snapshot.Permission:
    """What a policy says."""
    return snapshot.Permission(effect=row.effect, server=row.server, action=row.action, named=row.named)


def permissions_of(stored: list[dict[str, str]]) -> tuple[snapshot.Permission, ...]:
    """A role's column as structs."""
    return msgspec.convert(stored, tuple[snapshot.Permission, ...])
