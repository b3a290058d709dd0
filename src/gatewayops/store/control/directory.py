"""Organisations and their directory: teams (a tree), projects, users."""

from datetime import datetime

import msgspec
from sqlalchemy import bindparam, func, or_, select

from gatewayops.base import clock
from gatewayops.base.errors import InvalidInput, NotFound
from gatewayops.base.ids import new_id
from gatewayops.store.control import masking, prices, revision, rows
from gatewayops.store.control.database import Session, lock
from gatewayops.store.control.paging import Asked, Page, page_of
from gatewayops.store.control.tables import Organisation as OrganisationTable
from gatewayops.store.control.tables import Project as ProjectTable
from gatewayops.store.control.tables import Team as TeamTable
from gatewayops.store.control.tables import User as UserTable
from gatewayops.store.snapshot import MaskingRow

DEFAULT_ORG = "org_default"
_CONTACTS = ("email", "phone")  # classes of masking
_FIRST_START = 720_575_941

# Made once: to make a statement anew costs as much as to run it.
_OF_THE_ORG = select(UserTable).where(UserTable.org_id == bindparam("org_id"))
_OF_ID = _OF_THE_ORG.where(UserTable.id == bindparam("user_id"))
_OF_ID_OR_EMAIL = _OF_THE_ORG.where(
    or_(UserTable.id == bindparam("ref"), UserTable.email == bindparam("email"))
).limit(1)


class Organisation(msgspec.Struct, frozen=True):
    """A tenant. `masks_contacts`: e-mail addresses and phone numbers are masked in records too."""

    id: str
    slug: str
    name: str
    masks_contacts: bool


class Team(msgspec.Struct, frozen=True):
    """A team; `parent_id` is empty at the top of the tree."""

    id: str
    name: str
    parent_id: str
    created_at: datetime


class Project(msgspec.Struct, frozen=True):
    """A project; `team_id` is empty when it belongs to no team."""

    id: str
    name: str
    team_id: str
    created_at: datetime


class User(msgspec.Struct, frozen=True):
    """A person; the e-mail address is lower case and unique in the organisation."""

    id: str
    email: str
    name: str
    team_id: str
    created_at: datetime
    disabled_at: datetime | None = None
    is_break_glass: bool = False


async def ensure_default(session: Session) -> None:
    """On the first start: the organisation `org_default` with its default price, and the revision."""
    await lock(session, _FIRST_START)
    await revision.ensure(session)
    if await session.get(OrganisationTable, DEFAULT_ORG) is None:
        await add_organisation(session, org_id=DEFAULT_ORG, slug="default", name="Default organisation")


async def add_organisation(session: Session, *, org_id: str, slug: str, name: str) -> None:
    """Makes a tenant with the default price rule; raises Conflict for a slug that is taken."""
    row = OrganisationTable(id=org_id, slug=slug, name=name)
    await rows.add(session, row, taken=f"slug: an organisation {slug} exists")
    await prices.put_default(session, org_id=org_id)


async def organisation(session: Session, *, org_id: str) -> Organisation:
    """The tenant; raises NotFound."""
    row = await _organisation_row(session, org_id)
    return _organisation(row, await masking.of(session, org_id=org_id))


async def org_id_of(session: Session, *, slug: str = "") -> str:
    """The tenant of that slug, or without one the only tenant; empty for none."""
    query = select(OrganisationTable.id)
    found = (
        await session.scalars(query.where(OrganisationTable.slug == slug) if slug else query.limit(2))
    ).all()
    return found[0] if len(found) == 1 else ""


async def count_organisations(session: Session) -> int:
    """How many tenants the installation has."""
    return int(await session.scalar(select(func.count()).select_from(OrganisationTable)) or 0)


async def rename_organisation(session: Session, *, org_id: str, name: str) -> None:
    """What people see of it; its slug stays as it is."""
    (await _organisation_row(session, org_id)).name = name


async def set_masks_contacts(session: Session, *, org_id: str, masks_contacts: bool) -> Organisation:
    """Changes what records mask, from the gateways' next snapshot on."""
    row = await _organisation_row(session, org_id)
    states: dict[str, bool | None] = dict.fromkeys(_CONTACTS, True if masks_contacts else None)
    return _organisation(row, await masking.switch(session, org_id=org_id, states=states))


async def add_team(session: Session, *, org_id: str, name: str, parent: str = "") -> Team:
    """`parent` is a team's id or name. Raises Conflict, InvalidInput."""
    parent_id = await team_id(session, org_id=org_id, ref=parent, field="parent")
    row = TeamTable(id=new_id("team"), org_id=org_id, name=name, parent_id=parent_id or None)
    await rows.add(session, row, taken=f"name: a team {name} exists")
    return _team(row)


async def change_team(
    session: Session, *, org_id: str, ref: str, name: str | None, parent: str | None
) -> Team:
    """What is None stays; an empty parent is the top. Raises NotFound, Conflict, InvalidInput."""
    row = await _team_row(session, org_id, ref)
    if row is None:
        msg = "no team of that id or name"
        raise NotFound(msg)
    if parent is not None:
        above = await team_id(session, org_id=org_id, ref=parent, field="parent")
        await _check_above(session, org_id=org_id, team_id=row.id, above=above)
        row.parent_id = above or None
    if name is not None:
        row.name = name
    await rows.flush(session, taken=f"name: a team {name} exists")
    await revision.bump(session)
    return _team(row)


async def _check_above(session: Session, *, org_id: str, team_id: str, above: str) -> None:
    """Raises InvalidInput when `above` is the team or below it.

    The rows are locked: two moves at the same moment, each fine by itself, would make a ring of teams.
    """
    query = select(TeamTable.id, TeamTable.parent_id).where(TeamTable.org_id == org_id)
    query = query.order_by(TeamTable.id).with_for_update()
    parents = {row.id: row.parent_id or "" for row in await session.execute(query)}
    for _ in parents:
        if above == team_id:
            msg = "parent: a team cannot be below itself"
            raise InvalidInput(msg)
        above = parents.get(above, "")


async def add_project(session: Session, *, org_id: str, name: str, team: str = "") -> Project:
    """`team` is a team's id or name. Raises Conflict, InvalidInput."""
    owner_id = await team_id(session, org_id=org_id, ref=team)
    row = ProjectTable(id=new_id("proj"), org_id=org_id, name=name, team_id=owner_id or None)
    await rows.add(session, row, taken=f"name: a project {name} exists")
    return _project(row)


async def add_user(session: Session, *, org_id: str, email: str, name: str = "", team: str = "") -> User:
    """`team` is a team's id or name. Raises Conflict, InvalidInput."""
    email = email.lower()
    owner_id = await team_id(session, org_id=org_id, ref=team)
    row = UserTable(id=new_id("user"), org_id=org_id, email=email, name=name, team_id=owner_id or None)
    await rows.add(session, row, taken=f"email: a user {email} exists")
    return _user(row)


async def disable_user(session: Session, *, org_id: str, user_id: str, is_disabled: bool) -> User:
    """Shuts somebody out, or lets them in again; their keys follow. Raises NotFound."""
    row = await _user_row(session, org_id, user_id)
    if is_disabled != (row.disabled_at is not None):
        row.disabled_at = clock.now() if is_disabled else None
        await session.flush()
        await revision.bump(session)
    return _user(row)


async def put_in_team(session: Session, *, org_id: str, user_id: str, team_id: str) -> User:
    """Moves somebody; an empty team is none. Raises NotFound."""
    row = await _user_row(session, org_id, user_id)
    if team_id != (row.team_id or ""):
        row.team_id = team_id or None
        await session.flush()
        await revision.bump(session)
    return _user(row)


async def name_user(session: Session, *, org_id: str, user_id: str, name: str) -> User:
    """What somebody is called. Raises NotFound."""
    row = await _user_row(session, org_id, user_id)
    row.name = name
    await session.flush()
    return _user(row)


async def user_of_id(session: Session, *, org_id: str, user_id: str) -> User:
    """One by id only. Raises NotFound."""
    return _user(await _user_row(session, org_id, user_id))


async def set_break_glass(session: Session, *, org_id: str, user_id: str, is_break_glass: bool) -> User:
    """Whether they may use a password where the organisation requires single sign-on. Raises NotFound."""
    row = await _user_row(session, org_id, user_id)
    row.is_break_glass = is_break_glass
    await session.flush()
    return _user(row)


async def teams(session: Session, *, org_id: str, asked: Asked) -> Page[Team]:
    """The organisation's teams, newest first."""
    found = await page_of(session, select(TeamTable).where(TeamTable.org_id == org_id), TeamTable, asked)
    return Page(rows=tuple(map(_team, found.rows)), cursor=found.cursor)


async def projects(session: Session, *, org_id: str, asked: Asked) -> Page[Project]:
    """The organisation's projects, newest first."""
    query = select(ProjectTable).where(ProjectTable.org_id == org_id)
    found = await page_of(session, query, ProjectTable, asked)
    return Page(rows=tuple(map(_project, found.rows)), cursor=found.cursor)


async def users(
    session: Session, *, org_id: str, asked: Asked, text: str = "", team_id: str = ""
) -> Page[User]:
    """The organisation's users, newest first; `text` is in the name or the address."""
    query = select(UserTable).where(UserTable.org_id == org_id)
    if text:
        query = query.where(
            or_(
                UserTable.name.icontains(text, autoescape=True),
                UserTable.email.icontains(text, autoescape=True),
            )
        )
    if team_id:
        query = query.where(UserTable.team_id == team_id)
    found = await page_of(session, query, UserTable, asked)
    return Page(rows=tuple(map(_user, found.rows)), cursor=found.cursor)


async def team_id(session: Session, *, org_id: str, ref: str, field: str = "team") -> str:
    """The id of a team given by id or name; empty for empty. Raises InvalidInput that names `field`."""
    if not ref:
        return ""
    row = await _team_row(session, org_id, ref)
    if row is None:
        msg = f"{field}: no team of that id or name"
        raise InvalidInput(msg)
    return row.id


async def _team_row(session: Session, org_id: str, ref: str) -> TeamTable | None:
    """By id before name: else a team that is named like another's id would be taken for that one."""
    is_it = or_(TeamTable.id == ref, TeamTable.name == ref)
    query = select(TeamTable).where(TeamTable.org_id == org_id, is_it)
    found: TeamTable | None = await session.scalar(query.order_by(TeamTable.id != ref).limit(1))
    return found


async def find_project(session: Session, *, org_id: str, ref: str, field: str = "project") -> Project:
    """A project by id or name; raises InvalidInput that names `field`."""
    is_it = or_(ProjectTable.id == ref, ProjectTable.name == ref)
    query = select(ProjectTable).where(ProjectTable.org_id == org_id, is_it)
    row = await session.scalar(query.order_by(ProjectTable.id != ref).limit(1))  # an id before a name
    if row is None:
        msg = f"{field}: no project of that id or name"
        raise InvalidInput(msg)
    return _project(row)


async def find_user(session: Session, *, org_id: str, ref: str, field: str = "user") -> User:
    """A user by id or e-mail address; raises InvalidInput that names `field`."""
    row = await session.scalar(_OF_ID_OR_EMAIL, {"org_id": org_id, "ref": ref, "email": ref.lower()})
    if row is None:
        msg = f"{field}: no user of that id or e-mail address"
        raise InvalidInput(msg)
    return _user(row)


async def _user_row(session: Session, org_id: str, user_id: str) -> UserTable:
    row = await session.scalar(_OF_ID, {"org_id": org_id, "user_id": user_id})
    if row is None:
        msg = "no user of that id"
        raise NotFound(msg)
    return row


async def _organisation_row(session: Session, org_id: str) -> OrganisationTable:
    row = await session.get(OrganisationTable, org_id)
    if row is None:
        msg = "no such organisation"
        raise NotFound(msg)
    return row


def _organisation(row: OrganisationTable, masked: MaskingRow) -> Organisation:
    masks_contacts = set(_CONTACTS) <= set(masked.switched_on)
    return Organisation(id=row.id, slug=row.slug, name=row.name, masks_contacts=masks_contacts)


def _team(row: TeamTable) -> Team:
    return Team(id=row.id, name=row.name, parent_id=row.parent_id or "", created_at=row.created_at)


def _project(row: ProjectTable) -> Project:
    return Project(id=row.id, name=row.name, team_id=row.team_id or "", created_at=row.created_at)


def _user(row: UserTable) -> User:
    return User(
        id=row.id,
        email=row.email,
        name=row.name,
        team_id=row.team_id or "",
        created_at=row.created_at,
        disabled_at=row.disabled_at,
        is_break_glass=row.is_break_glass,
    )
