"""`/v1/auth`: signing in and out, who one is, where one is signed in, and one's password."""

from typing import Annotated

from fastapi import Depends, Query, Request, Response

from gatewayops.api.accounts import Credentials
from gatewayops.api.auth import NeedsCaller, check_action
from gatewayops.api.browser import (
    check_other_origin,
    check_page,
    end_session_cookie,
    session_cookie,
)
from gatewayops.api.joining import Joining, accept, reset
from gatewayops.api.late_routes import LateRouter
from gatewayops.api.parts import Parts
from gatewayops.api.person import current, signed_in
from gatewayops.api.shapes import InPath, PageAsked, Ref, paging
from gatewayops.api.sign_in_shapes import (
    AcceptAsked,
    AccountBody,
    NameChange,
    OrganizationChoice,
    PasswordAsked,
    PasswordChange,
    ResetAnswer,
    ResetAsked,
    SessionBody,
    SessionList,
    SignedIn,
    SignInAsked,
    WhoAmI,
    accounts_of,
    membership_bodies,
    role_bodies,
    session_body,
    signed_in_body,
    user_body,
)
from gatewayops.base.errors import Forbidden, InvalidInput, Reason
from gatewayops.identity import same_visit
from gatewayops.identity.principal import Principal
from gatewayops.identity.user_tokens import form_token
from gatewayops.store.control import directory, user_passwords, user_sessions
from gatewayops.store.control.database import Session
from gatewayops.store.control.user_passwords import Membership

router = LateRouter(prefix="/v1/auth", tags=["Sign-in"])

_OTHERS = "directory.write"

Caller = Annotated[Principal, Depends(NeedsCaller("session"))]


@router.post("/sign-in")
async def sign_in(body: SignInAsked, request: Request, response: Response, parts: Parts) -> SignedIn:
    """A new session: its token is in this answer only, and in a cookie. Send it as a bearer.

    Without `organization` (a slug) it is the oldest that knows the address. After a few wrong passwords
    further ones must wait (429, Retry-After). Who has a second factor gets 401 `second_factor_required` with
    a `pending_token` for the next step, and the `kinds` that will do.
    """
    check_other_origin(request)
    given = Credentials(email=body.email, password=body.password, organization=body.organization)
    opened = await accounts_of(request).sign_in(request, given)
    return await signed_in_body(request, response, parts, opened)


@router.post("/sign-out", status_code=204)
async def sign_out(request: Request, parts: Parts) -> Response:
    """Ends the session of the bearer or the cookie; without one there is nothing to do."""
    bearer = request.headers.get("authorization", "").partition(" ")[2]
    token = bearer or session_cookie(request)
    response = Response(status_code=204)
    found = await signed_in(parts.database, token)
    if found is not None:
        if not bearer:
            check_page(request, token)
        async with parts.database.session() as session:
            await accounts_of(request).end(session, found.session)
    if not bearer:
        end_session_cookie(request, response)
    return response


@router.get("/session")
async def who_am_i(request: Request, caller: Caller, parts: Parts) -> WhoAmI:
    """Who the caller is, their organisation and roles. `form_token` is for pages, which use the cookie."""
    found = current(request)
    async with parts.database.reading() as session:
        organization = await user_passwords.own(session, org_id=caller.org_id)
        members = await _memberships(session, found) if found else ()
        grants = await request.app.state.key_check.grants(session, same_visit.of(request.scope))
    is_page = found is not None and "authorization" not in request.headers
    return WhoAmI(
        kind="admin" if caller.is_local_admin else "user" if found else "key",
        user=user_body(found) if found else None,
        key_id=caller.key_id or None,
        organization=membership_bodies((organization,))[0],
        organizations=membership_bodies(members),
        roles=role_bodies(grants.book.roles(caller)),
        actions=grants.control_actions(caller),
        session=session_body(found.session, found.email, found, organization) if found else None,
        form_token=form_token(session_cookie(request)) if is_page else None,
    )


@router.get("/organizations")
async def list_organizations(request: Request, caller: Caller, parts: Parts) -> OrganizationChoice:
    """Those in which the person may sign in. To switch is to sign in there: each has its own password.

    Others than one's own are listed for who has shown, by a link in a mail, that the address is theirs; not
    in a session that an identity provider made.
    """
    found = current(request)
    async with parts.database.reading() as session:
        own = await user_passwords.own(session, org_id=caller.org_id)
        members = await _memberships(session, found) if found else ()
    mine = membership_bodies((own,))
    return OrganizationChoice(current=mine[0], organizations=membership_bodies(members) or mine)


@router.get("/sessions")
async def list_sessions(
    request: Request, caller: Caller, parts: Parts, asked: PageAsked, user: Annotated[Ref, Query()] = ""
) -> SessionList:
    """Where the caller is signed in, newest first.

    With `user` (an id or e-mail address) somebody else, which needs `directory.write`, as for a caller who is
    no person: without `user` they see everybody's.
    """
    found = current(request)
    user_id = found.session.user_id if found and not user else ""
    if not user_id:
        await check_action(request, caller, _OTHERS)
    async with parts.database.reading() as session:
        if user:
            user_id = (await directory.find_user(session, org_id=caller.org_id, ref=user)).id
        page = await user_sessions.page(session, org_id=caller.org_id, user_id=user_id, asked=asked)
        organization = await user_passwords.own(session, org_id=caller.org_id)
        emails = await user_sessions.emails(
            session, org_id=caller.org_id, user_ids={row.user_id for row in page.rows}
        )
    shown: list[SessionBody] = [
        session_body(row, emails.get(row.user_id, ""), found, organization) for row in page.rows
    ]
    return SessionList(sessions=shown, **paging(page))


@router.delete("/sessions/{session_id}", status_code=204)
async def end_session(session_id: InPath, request: Request, caller: Caller, parts: Parts) -> Response:
    """Ends a session at once: one's own, or with `directory.write` anybody's of the organisation."""
    found = current(request)
    async with parts.database.reading() as session:
        is_own = found is not None and session_id == found.session.id
        if found is not None and not is_own:
            mine = await user_sessions.find_or_none(session, org_id=caller.org_id, session_id=session_id)
            is_own = mine is not None and mine.user_id == found.session.user_id
    if not is_own:
        await check_action(request, caller, _OTHERS)
    async with parts.database.session() as session:
        known = await user_sessions.find(session, org_id=caller.org_id, session_id=session_id)
        await accounts_of(request).end(session, known)
    return Response(status_code=204)


@router.post("/password", status_code=204)
async def change_password(body: PasswordChange, request: Request, _: Caller) -> Response:
    """Changes one's own password and ends one's other sessions."""
    found = current(request)
    if found is None:
        msg = "a key has no password: sign in, and send the session as the bearer"
        raise Forbidden(msg, Reason.ACTION_NOT_GRANTED)
    await accounts_of(request).change_password(
        request, user=found.session, old=body.current_password, new=body.new_password
    )
    return Response(status_code=204)


@router.put("/name")
async def change_name(body: NameChange, request: Request, caller: Caller, parts: Parts) -> AccountBody:
    """What one is called oneself."""
    found = current(request)
    if found is None:
        msg = "a key has no name of a person: sign in, and send the session as the bearer"
        raise Forbidden(msg, Reason.ACTION_NOT_GRANTED)
    user_id = found.session.user_id
    async with parts.database.session() as session:
        await directory.name_user(session, org_id=caller.org_id, user_id=user_id, name=body.name)
    return user_body(found).model_copy(update={"name": body.name})


@router.post("/password/reset-request", status_code=202)
async def ask_reset(body: ResetAsked, request: Request) -> ResetAnswer:
    """Sends a link to choose a new password, if there is such a user; the answer is the same for all."""
    accounts_of(request).ask_reset(request, email=body.email, organization=body.organization)
    return ResetAnswer(message="if the address is known here, a link is on its way to it")


@router.post("/password/reset", status_code=204)
async def reset_password(body: PasswordAsked, request: Request, parts: Parts) -> Response:
    """A new password by the link's token; all sessions of the user end."""
    given = Joining(token=body.token, password=body.password)
    await reset(request, parts.database, accounts_of(request), given)
    return Response(status_code=204)


@router.post("/invitations/accept")
async def accept_invitation(
    body: AcceptAsked, request: Request, response: Response, parts: Parts
) -> SignedIn:
    """Joins the organisation by the link's token, with the role that the invitation gives, and signs in."""
    check_other_origin(request)
    accounts = accounts_of(request)
    bearer = request.headers.get("authorization", "").partition(" ")[2]
    known = (
        await signed_in(parts.database, bearer or session_cookie(request)) if body.keeps_password else None
    )
    if body.keeps_password and known is None:
        msg = "keeps_password: send the session of your other organisation"
        raise InvalidInput(msg)
    if known is not None and not bearer:
        check_page(request, session_cookie(request))
    given = Joining(token=body.token, password=body.password, name=body.name, keeps=known)
    who = await accept(request, parts.database, accounts, given)
    return await signed_in_body(request, response, parts, await accounts.admit(request, who))


async def _memberships(session: Session, found: user_sessions.SignedIn) -> tuple[Membership, ...]:
    known = found.session
    return await user_passwords.memberships(
        session,
        org_id=known.org_id,
        user_id=known.user_id,
        email=found.email,
        provider_id=known.provider_id,
    )
