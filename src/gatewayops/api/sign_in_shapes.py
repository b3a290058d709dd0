"""What the routes of sign-in take and answer."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Annotated, Literal

from fastapi import Request, Response
from pydantic import Field

from gatewayops.api.accounts import Accounts, Opened
from gatewayops.api.browser import set_session_cookie
from gatewayops.api.parts import ControlParts
from gatewayops.api.person import signed_in
from gatewayops.api.shapes import Body, Email, LateShape, Listed, Ref
from gatewayops.policy.access.rulebook import Subject
from gatewayops.store.control import directory, user_sessions
from gatewayops.store.control.directory import Organisation
from gatewayops.store.control.user_passwords import Membership
from gatewayops.store.control.user_sessions import UserSession
from gatewayops.store.snapshot import RoleRow

Password = Annotated[str, Field(min_length=1, max_length=256, json_schema_extra={"format": "password"})]
Token = Annotated[str, Field(max_length=100, examples=["gwl_…"])]


class SignInAsked(Body):
    """`organization` is a slug."""

    email: Email
    password: Password
    organization: Ref = ""


class PasswordChange(Body):
    """Twelve characters at least."""

    current_password: Password
    new_password: Password


class NameChange(Body):
    """How one is called."""

    name: Ref


class ResetAsked(Body):
    """`organization` is a slug."""

    email: Email
    organization: Ref = ""


class ResetAnswer(LateShape):
    """The same for every address."""

    message: str


class PasswordAsked(Body):
    """`token` is the link's."""

    token: Token
    password: Password


class AcceptAsked(Body):
    """`token` is the link's; `name` is how one is called.

    With `keeps_password` the password is that of the same person's account in another organisation, whose
    session comes along.
    """

    token: Token
    name: Ref = ""
    password: Annotated[str, Field(max_length=256, json_schema_extra={"format": "password"})] = ""
    keeps_password: bool = False


class AccountBody(LateShape):
    """A person who is signed in."""

    id: str
    email: str
    name: str
    team_id: str | None


class MembershipBody(LateShape):
    """An organisation."""

    id: str
    slug: str
    name: str


class OrganizationChoice(LateShape):
    """Those in which one may sign in; the caller's own is `current`."""

    current: MembershipBody
    organizations: list[MembershipBody]


class HeldRole(LateShape):
    """A role, and whom it is bound to: the user, a team above them, or the organisation."""

    id: str
    name: str
    subject_kind: str


class SessionBody(LateShape):
    """Where somebody is signed in. `ends_at` moves on while it is used, up to `expires_at`."""

    id: str
    user_id: str
    email: str
    address: str
    user_agent: str
    organization: str = Field(description="its slug")
    method: str = Field(examples=["password+totp"], description="how they signed in")
    created_at: datetime
    used_at: datetime
    ends_at: datetime
    expires_at: datetime
    is_current: bool


class SignedIn(LateShape):
    """A new session; `token` is shown this once."""

    token: str = Field(examples=["gws_…"])
    session_id: str
    expires_at: datetime
    user: AccountBody
    organization: MembershipBody


class WhoAmI(LateShape):
    """The caller. `organizations` are those in which the person can sign in."""

    kind: Literal["user", "key", "admin"]
    user: AccountBody | None
    key_id: str | None
    organization: MembershipBody
    organizations: list[MembershipBody]
    roles: list[HeldRole]
    actions: list[str] = Field(
        description="what the caller may do with this API; each request is decided anew"
    )
    session: SessionBody | None
    form_token: str | None = Field(description="to be sent as X-GatewayOps-Token by pages")


class SessionList(Listed):
    """A page of sessions."""

    sessions: list[SessionBody]


def accounts_of(request: Request) -> Accounts:
    """Of the app that takes this request."""
    accounts = request.app.state.accounts
    assert isinstance(accounts, Accounts)
    return accounts


def user_body(found: user_sessions.SignedIn) -> AccountBody:
    """Whose session it is."""
    return AccountBody(
        id=found.session.user_id, email=found.email, name=found.name, team_id=found.team_id or None
    )


def membership_bodies(found: Iterable[Membership | Organisation]) -> list[MembershipBody]:
    """Organisations by their names only."""
    return [MembershipBody(id=one.id, slug=one.slug, name=one.name) for one in found]


def role_bodies(held: Sequence[tuple[Subject, RoleRow]]) -> list[HeldRole]:
    """What somebody holds, nearest first."""
    return [HeldRole(id=role.id, name=role.name, subject_kind=subject.kind) for subject, role in held]


async def signed_in_body(
    request: Request, response: Response, parts: ControlParts, opened: Opened
) -> SignedIn:
    """The answer about a session that has just begun; the browser gets its cookie."""
    set_session_cookie(request, response, opened.token, seconds=int(user_sessions.ABSOLUTE.total_seconds()))
    found = await signed_in(parts.database, opened.token)
    assert found is not None
    async with parts.database.reading() as session:
        organization = await directory.organisation(session, org_id=opened.session.org_id)
    return SignedIn(
        token=opened.token,
        session_id=opened.session.id,
        expires_at=opened.session.expires_at,
        user=user_body(found),
        organization=membership_bodies((organization,))[0],
    )


def session_body(
    row: UserSession,
    email: str,
    caller: user_sessions.SignedIn | None,
    organization: Membership | Organisation,
) -> SessionBody:
    """A session as lists show it; `caller` is who asks, if it is a person."""
    return SessionBody(
        id=row.id,
        user_id=row.user_id,
        email=email,
        address=row.address,
        user_agent=row.user_agent,
        organization=organization.slug,
        method=row.method,
        created_at=row.created_at,
        used_at=row.used_at,
        ends_at=row.ends_at,
        expires_at=row.expires_at,
        is_current=caller is not None and caller.session.id == row.id,
    )
