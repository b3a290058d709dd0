"""`/v1/end-users`: who signs in to the organisation's protected servers, and what they allowed."""

from typing import Annotated

from fastapi import Depends, Query, Response

from gatewayops.api.auth import principal_for
from gatewayops.api.end_user_shapes import (
    ConsentList,
    EndUserChange,
    EndUserList,
    NewEndUser,
    OneEndUser,
    SessionList,
    consent_body,
    end_user_body,
    session_body,
)
from gatewayops.api.late_routes import LateRouter
from gatewayops.api.oauth_state import State
from gatewayops.api.parts import Parts
from gatewayops.api.shapes import Email, InPath, PageAsked, paging
from gatewayops.identity.principal import Principal
from gatewayops.store.control import end_users, oauth_clients

router = LateRouter(prefix="/v1/end-users", tags=["End users"])

Reader = Annotated[Principal, Depends(principal_for("end_users.read"))]
Writer = Annotated[Principal, Depends(principal_for("end_users.write"))]


@router.post("", status_code=201)
async def add(body: NewEndUser, caller: Writer, parts: Parts, state: State) -> OneEndUser:
    """Makes an end user, who can sign in at once."""
    hashed = await state.passwords.hash(body.password.get_secret_value())
    async with parts.database.session() as session:
        user = await end_users.add(
            session,
            org_id=caller.org_id,
            email=body.email,
            name=body.name,
            password_hash=hashed,
            is_verified=body.email_verified,
        )
    return OneEndUser(end_user=end_user_body(user))


@router.get("")
async def list_end_users(
    caller: Reader, parts: Parts, asked: PageAsked, email: Annotated[Email | None, Query()] = None
) -> EndUserList:
    """The organisation's end users, newest first; only the one with an address when it is given."""
    async with parts.database.reading() as session:
        page = await end_users.page(session, org_id=caller.org_id, asked=asked, email=email or "")
    return EndUserList(end_users=[end_user_body(user) for user in page.rows], **paging(page))


@router.get("/{end_user}")
async def show(end_user: InPath, caller: Reader, parts: Parts) -> OneEndUser:
    """One, by id."""
    async with parts.database.reading() as session:
        user = await end_users.find(session, org_id=caller.org_id, ref=end_user)
    return OneEndUser(end_user=end_user_body(user))


@router.patch("/{end_user}")
async def change(
    end_user: InPath, body: EndUserChange, caller: Writer, parts: Parts, state: State
) -> OneEndUser:
    """Enables, disables, vouches for the address, or sets a new password.

    What that ends is refused within a second.
    """
    password = body.password.get_secret_value() if body.password is not None else ""
    hashed = await state.passwords.hash(password) if password else ""
    which = {"org_id": caller.org_id, "ref": end_user}
    async with parts.database.session() as session:
        user = await end_users.find(session, **which)
        if hashed:
            user = await end_users.set_password(session, password_hash=hashed, **which)
        if body.email_verified:
            user = await end_users.verify(session, **which)
        if body.enabled is not None:
            user = await (end_users.enable if body.enabled else end_users.disable)(session, **which)
    return OneEndUser(end_user=end_user_body(user))


@router.delete("/{end_user}", status_code=204)
async def remove(end_user: InPath, caller: Writer, parts: Parts) -> Response:
    """Removes an end user with sessions, consents and tokens; what they did stays in the records."""
    async with parts.database.session() as session:
        await end_users.remove(session, org_id=caller.org_id, ref=end_user)
    return Response(status_code=204)


@router.post("/{end_user}/revoke", status_code=204)
async def revoke(end_user: InPath, caller: Writer, parts: Parts) -> Response:
    """Ends all sessions and tokens; the person may sign in again."""
    async with parts.database.session() as session:
        await end_users.revoke(session, org_id=caller.org_id, ref=end_user)
    return Response(status_code=204)


@router.get("/{end_user}/sessions")
async def list_sessions(end_user: InPath, caller: Reader, parts: Parts, asked: PageAsked) -> SessionList:
    """Browsers in which the person is signed in, newest first."""
    async with parts.database.reading() as session:
        page = await end_users.sessions(session, org_id=caller.org_id, ref=end_user, asked=asked)
    return SessionList(sessions=[session_body(row) for row in page.rows], **paging(page))


@router.delete("/{end_user}/sessions/{session_id}", status_code=204)
async def end_session(end_user: InPath, session_id: InPath, caller: Writer, parts: Parts) -> Response:
    """Signs the person out of one browser; clients keep their tokens."""
    async with parts.database.session() as session:
        await end_users.end_session(session, org_id=caller.org_id, ref=end_user, session_id=session_id)
    return Response(status_code=204)


@router.get("/{end_user}/consents")
async def list_consents(end_user: InPath, caller: Reader, parts: Parts, asked: PageAsked) -> ConsentList:
    """What the person allowed which client, newest first."""
    async with parts.database.reading() as session:
        user = await end_users.find(session, org_id=caller.org_id, ref=end_user)
        page = await oauth_clients.consents(session, org_id=caller.org_id, end_user_id=user.id, asked=asked)
    return ConsentList(consents=[consent_body(row) for row in page.rows], **paging(page))


@router.delete("/{end_user}/consents/{consent_id}", status_code=204)
async def withdraw(end_user: InPath, consent_id: InPath, caller: Writer, parts: Parts) -> Response:
    """Takes a consent back, with all tokens that came of it."""
    async with parts.database.session() as session:
        user = await end_users.find(session, org_id=caller.org_id, ref=end_user)
        await oauth_clients.withdraw(
            session, org_id=caller.org_id, end_user_id=user.id, consent_id=consent_id
        )
    return Response(status_code=204)
