"""`/v1/organization`, `/v1/teams`, `/v1/projects`, `/v1/users`: whom calls and costs belong to."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from fastapi import Depends, Query
from pydantic import Field

from gatewayops.api.access import Change, check_holds_all
from gatewayops.api.auth import principal_for
from gatewayops.api.late_routes import LateRouter
from gatewayops.api.parts import Parts
from gatewayops.api.shapes import Body, Email, InPath, LateShape, Listed, Name, PageAsked, Ref, paging
from gatewayops.identity.principal import Principal
from gatewayops.store.control import directory, factors, roles, subject_names
from gatewayops.store.control.database import Session

router = LateRouter(prefix="/v1", tags=["Directory"])

_WRITE = "directory.write"

Reader = Annotated[Principal, Depends(principal_for("directory.read"))]
Writer = Annotated[Principal, Depends(principal_for(_WRITE))]
SecondFactor = Literal["off", "required"]
Ids = Annotated[list[Annotated[str, Field(max_length=100, pattern=r"^[^\x00]*$")]], Query(max_length=400)]


class NewTeam(Body):
    """`parent` is a team's id or name."""

    name: Name
    parent: Ref = ""


class NewProject(Body):
    """`team` is a team's id or name."""

    name: Name
    team: Ref = ""


class NewUser(Body):
    """`team` is a team's id or name."""

    email: Email
    name: Ref = ""
    team: Ref = ""


class OrganizationChange(Body):
    """`name` is what people see; the `slug` stays. `masks_contacts`: records mask e-mail and phone too.

    `second_factor`: whether who signs in must have one, from the next sign-in on.
    """

    name: Name | None = None
    masks_contacts: bool | None = None
    second_factor: SecondFactor | None = None


class OrganizationBody(LateShape):
    """The caller's organisation."""

    id: str
    slug: str
    name: str
    masks_contacts: bool
    second_factor: SecondFactor


class TeamBody(LateShape):
    """A team; null parent at the top of the tree."""

    id: str
    name: str
    parent_id: str | None
    created_at: datetime


class ProjectBody(LateShape):
    """A project."""

    id: str
    name: str
    team_id: str | None
    created_at: datetime


class UserBody(LateShape):
    """A person."""

    id: str
    email: str
    name: str
    team_id: str | None
    created_at: datetime
    disabled_at: datetime | None
    is_break_glass: bool


class BoundRole(LateShape):
    """A role that is bound to the user: not what teams and the organisation give."""

    id: str
    name: str
    binding_id: str


class MemberBody(UserBody):
    """A person with what is bound to them and how they sign in."""

    roles: list[BoundRole]
    second_factors: list[str] = Field(examples=[["totp", "passkey"]])


class UserChange(Body):
    """What is left out stays. `team` is an id or name, empty for none; to move takes who holds everything."""

    name: Ref | None = None
    team: Ref | None = None


class TeamChange(Body):
    """What is left out stays. `parent` is an id or name, empty for the top; to move takes who holds all."""

    name: Name | None = None
    parent: Ref | None = None


class OneOrganization(LateShape):
    """The answer about the organisation."""

    organization: OrganizationBody


class OneTeam(LateShape):
    """The answer about one team."""

    team: TeamBody


class OneProject(LateShape):
    """The answer about one project."""

    project: ProjectBody


class OneUser(LateShape):
    """The answer about one user."""

    user: UserBody


class TeamList(Listed):
    """A page of teams."""

    teams: list[TeamBody]


class ProjectList(Listed):
    """A page of projects."""

    projects: list[ProjectBody]


class OneMember(LateShape):
    """The answer about one person."""

    user: MemberBody


class UserList(Listed):
    """A page of users."""

    users: list[MemberBody]


class NameAnswer(LateShape):
    """Names by id."""

    names: dict[str, str]


@router.get("/names")
async def list_names(caller: Reader, parts: Parts, id: Ids) -> NameAnswer:
    """What teams, projects, users (their e-mail addresses) and keys are called, of those that there are."""
    async with parts.database.reading() as session:
        found = await subject_names.names_of(session, org_id=caller.org_id, ids=set(id))
    return NameAnswer(names=found)


@router.get("/organization")
async def show_organization(caller: Reader, parts: Parts) -> OneOrganization:
    """The organisation that your key belongs to."""
    async with parts.database.reading() as session:
        return await _organization(session, caller.org_id)


@router.patch("/organization")
async def change_organization(body: OrganizationChange, caller: Writer, parts: Parts) -> OneOrganization:
    """Changes its settings; gateways follow within a second."""
    async with parts.database.session() as session:
        if body.name is not None:
            await directory.rename_organisation(session, org_id=caller.org_id, name=body.name)
        if body.masks_contacts is not None:
            await directory.set_masks_contacts(
                session, org_id=caller.org_id, masks_contacts=body.masks_contacts
            )
        if body.second_factor is not None:
            await factors.set_policy(session, org_id=caller.org_id, second_factor=body.second_factor)
        return await _organization(session, caller.org_id)


@router.post("/teams", status_code=201)
async def add_team(body: NewTeam, caller: Writer, parts: Parts) -> OneTeam:
    """Makes a team."""
    async with parts.database.session() as session:
        team = await directory.add_team(session, org_id=caller.org_id, name=body.name, parent=body.parent)
    return OneTeam(team=_team(team))


@router.get("/teams")
async def list_teams(caller: Reader, parts: Parts, asked: PageAsked) -> TeamList:
    """The organisation's teams, newest first."""
    async with parts.database.reading() as session:
        page = await directory.teams(session, org_id=caller.org_id, asked=asked)
    return TeamList(teams=[_team(team) for team in page.rows], **paging(page))


@router.patch("/teams/{team}")
async def change_team(team: InPath, body: TeamChange, caller: Writer, parts: Parts) -> OneTeam:
    """Renames a team, or moves it in the tree: what the teams above hold, its people inherit from then on."""
    if body.parent is not None:
        await check_holds_all(parts.database, caller, _WRITE)
    async with parts.database.session() as session:
        change = await Change.begin(session, caller, _WRITE)
        changed = await directory.change_team(
            session, org_id=caller.org_id, ref=team, name=body.name, parent=body.parent
        )
        await change.finish(session)
    return OneTeam(team=_team(changed))


@router.post("/projects", status_code=201)
async def add_project(body: NewProject, caller: Writer, parts: Parts) -> OneProject:
    """Makes a project."""
    async with parts.database.session() as session:
        project = await directory.add_project(session, org_id=caller.org_id, name=body.name, team=body.team)
    return OneProject(project=_project(project))


@router.get("/projects")
async def list_projects(caller: Reader, parts: Parts, asked: PageAsked) -> ProjectList:
    """The organisation's projects, newest first."""
    async with parts.database.reading() as session:
        page = await directory.projects(session, org_id=caller.org_id, asked=asked)
    return ProjectList(projects=[_project(project) for project in page.rows], **paging(page))


@router.post("/users", status_code=201)
async def add_user(body: NewUser, caller: Writer, parts: Parts) -> OneUser:
    """Adds a person to the organisation; not to a team that holds more than the caller."""
    async with parts.database.session() as session:
        team_id = await directory.team_id(session, org_id=caller.org_id, ref=body.team)
        if team_id:
            change = await Change.begin(session, caller, _WRITE)
            change.gives_all_of(Principal(caller.org_id, "", team_id=team_id))
        user = await directory.add_user(
            session, org_id=caller.org_id, email=body.email, name=body.name, team=team_id
        )
    return OneUser(user=user_body(user))


@router.get("/users")
async def list_users(
    caller: Reader,
    parts: Parts,
    asked: PageAsked,
    query: Annotated[Ref, Query(description="in the name or the address")] = "",
    team: Annotated[Ref, Query(description="its id or name")] = "",
) -> UserList:
    """The organisation's people, newest first."""
    async with parts.database.reading() as session:
        sought = {"text": query, "team_id": await directory.team_id(session, org_id=caller.org_id, ref=team)}
        page = await directory.users(session, org_id=caller.org_id, asked=asked, **sought)
        shown = await _members(session, caller.org_id, *page.rows)
    return UserList(users=shown, **paging(page))


@router.get("/users/{user_id}")
async def show_user(user_id: InPath, caller: Reader, parts: Parts) -> OneMember:
    """One person, by id."""
    async with parts.database.reading() as session:
        user = await directory.user_of_id(session, org_id=caller.org_id, user_id=user_id)
        (shown,) = await _members(session, caller.org_id, user)
    return OneMember(user=shown)


@router.patch("/users/{user_id}")
async def change_user(user_id: InPath, body: UserChange, caller: Writer, parts: Parts) -> OneMember:
    """Renames somebody, or puts them into another team: they inherit what it holds, and their keys too."""
    if body.team is not None:
        await check_holds_all(parts.database, caller, _WRITE)
    org_id = caller.org_id
    async with parts.database.session() as session:
        change = await Change.begin(session, caller, _WRITE)
        user = await directory.user_of_id(session, org_id=org_id, user_id=user_id)
        if body.name is not None:
            user = await directory.name_user(session, org_id=org_id, user_id=user.id, name=body.name)
        if body.team is not None:
            team_id = await directory.team_id(session, org_id=org_id, ref=body.team)
            user = await directory.put_in_team(session, org_id=org_id, user_id=user.id, team_id=team_id)
        await change.finish(session)
        (shown,) = await _members(session, org_id, user)
    return OneMember(user=shown)


async def _members(session: Session, org_id: str, *shown: directory.User) -> list[MemberBody]:
    ids = [user.id for user in shown]
    held = await roles.of_users(session, org_id=org_id, user_ids=ids)
    kinds = await factors.kinds_of(session, org_id=org_id, user_ids=ids)
    return [
        MemberBody(
            **user_body(user).model_dump(),
            roles=[
                BoundRole(id=role_id, name=name, binding_id=binding_id)
                for binding_id, role_id, name in held.get(user.id, [])
            ],
            second_factors=kinds.get(user.id, []),
        )
        for user in shown
    ]


async def _organization(session: Session, org_id: str) -> OneOrganization:
    found = msgspec.structs.asdict(await directory.organisation(session, org_id=org_id))
    policy = await factors.policy(session, org_id=org_id)
    return OneOrganization(organization=OrganizationBody(**found, second_factor=policy))


def _team(team: directory.Team) -> TeamBody:
    return TeamBody(id=team.id, name=team.name, parent_id=team.parent_id or None, created_at=team.created_at)


def _project(project: directory.Project) -> ProjectBody:
    return ProjectBody(
        id=project.id, name=project.name, team_id=project.team_id or None, created_at=project.created_at
    )


def user_body(user: directory.User) -> UserBody:
    return UserBody(
        id=user.id,
        email=user.email,
        name=user.name,
        team_id=user.team_id or None,
        created_at=user.created_at,
        disabled_at=user.disabled_at,
        is_break_glass=user.is_break_glass,
    )
