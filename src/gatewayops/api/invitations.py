"""`/v1/invitations`: asking people into the organisation, by mail."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import Depends, Request, Response
from pydantic import Field

from gatewayops.api.access import Change
from gatewayops.api.auth import principal_for
from gatewayops.api.late_routes import LateRouter
from gatewayops.api.parts import Parts
from gatewayops.api.shapes import Body, Email, InPath, LateShape, Listed, PageAsked, Ref, paging
from gatewayops.api.sign_in_shapes import accounts_of
from gatewayops.base import clock
from gatewayops.base.errors import Conflict, InvalidInput, NotFound
from gatewayops.identity.principal import Principal
from gatewayops.identity.user_tokens import hash_of, new_link_token
from gatewayops.policy.access.matching import ALLOW
from gatewayops.store.control import directory, one_time_links, roles, user_passwords
from gatewayops.store.control.database import Session
from gatewayops.store.control.directory import User
from gatewayops.store.control.one_time_links import INVITATION, Link, NewLink
from gatewayops.store.control.roles import Role

router = LateRouter(prefix="/v1", tags=["Sign-in"])

_WRITE = "directory.write"

Reader = Annotated[Principal, Depends(principal_for("directory.read"))]
Writer = Annotated[Principal, Depends(principal_for(_WRITE))]


class NewInvitation(Body):
    """`role` and `team` are ids or names; without a role the person holds what their team holds."""

    email: Email
    role: Ref = ""
    team: Ref = ""


class InvitationBody(LateShape):
    """An invitation without its link."""

    id: str
    email: str
    role_id: str | None
    team_id: str | None
    state: Literal["open", "accepted", "expired"]
    made_by: str
    created_at: datetime
    expires_at: datetime


class OneInvitation(LateShape):
    """The answer about a new invitation."""

    invitation: InvitationBody
    mail: str = Field(description="how it left, or why it did not")


class InvitationList(Listed):
    """A page of invitations."""

    invitations: list[InvitationBody]


@router.post("/invitations", status_code=201)
async def invite(body: NewInvitation, request: Request, caller: Writer, parts: Parts) -> OneInvitation:
    """Sends a link by mail; it works once, within seven days. A newer one to the same address replaces it.

    You cannot invite with a role, or into a team, that holds more than you do, nor a user who does already.
    """
    email, token = body.email.lower(), new_link_token()
    async with parts.database.session() as session:
        role, team_id = await _checked(session, caller, body)
        if await _signs_in(session, caller.org_id, email):
            msg = f"email: {email} signs in already; give them a role with POST /v1/roles/{{role}}/bindings"
            raise Conflict(msg)
        new = NewLink(
            org_id=caller.org_id,
            kind=INVITATION,
            hash=hash_of(token),
            email=email,
            role_id=role.id if role else "",
            team_id=team_id,
            made_by=caller.user_id or caller.key_id,
        )
        await one_time_links.end_all(session, org_id=caller.org_id, kind=INVITATION, email=email)
        link = await one_time_links.add(session, new)
        organization = await directory.organisation(session, org_id=caller.org_id)
    mail = accounts_of(request).mail
    by = caller.key_name if caller.is_person else ""
    said = await mail.invite(link, token, organization=organization.name, by=by)
    return OneInvitation(invitation=_body(link), mail=said)


@router.get("/invitations")
async def list_invitations(caller: Reader, parts: Parts, asked: PageAsked) -> InvitationList:
    """The organisation's invitations, newest first."""
    async with parts.database.reading() as session:
        page = await one_time_links.page(session, org_id=caller.org_id, asked=asked)
    return InvitationList(invitations=[_body(link) for link in page.rows], **paging(page))


@router.delete("/invitations/{invitation_id}", status_code=204)
async def withdraw(invitation_id: InPath, caller: Writer, parts: Parts) -> Response:
    """The link works no longer."""
    async with parts.database.session() as session:
        await one_time_links.withdraw(session, org_id=caller.org_id, link_id=invitation_id)
    return Response(status_code=204)


async def _checked(session: Session, caller: Principal, body: NewInvitation) -> tuple[Role | None, str]:
    """The role and the team's id; raises Forbidden for more than the caller holds."""
    change = await Change.begin(session, caller, _WRITE)
    team_id = await directory.team_id(session, org_id=caller.org_id, ref=body.team)
    user = await _user(session, caller.org_id, body.email)
    change.gives_all_of(Principal(caller.org_id, "", user_id=user.id if user else "", team_id=team_id))
    if not body.role:
        return None, team_id
    try:
        role = await roles.find(session, org_id=caller.org_id, ref=body.role)
    except NotFound as error:
        msg = "role: no role of that id or name; see GET /v1/roles"
        raise InvalidInput(msg) from error
    change.gives(one for one in role.permissions if one.effect == ALLOW)
    return role, team_id


async def _signs_in(session: Session, org_id: str, email: str) -> bool:
    user = await _user(session, org_id, email)
    return (
        user is not None and await user_passwords.of_user(session, org_id=org_id, user_id=user.id) is not None
    )


async def _user(session: Session, org_id: str, email: str) -> User | None:
    try:
        return await directory.find_user(session, org_id=org_id, ref=email)
    except InvalidInput:
        return None


def _body(link: Link) -> InvitationBody:
    is_over = link.expires_at <= clock.now()
    return InvitationBody(
        id=link.id,
        email=link.email,
        role_id=link.role_id or None,
        team_id=link.team_id or None,
        state="accepted" if link.used_at else "expired" if is_over else "open",
        made_by=link.made_by,
        created_at=link.created_at,
        expires_at=link.expires_at,
    )
