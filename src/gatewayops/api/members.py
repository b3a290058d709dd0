"""`/v1/users/{id}`: shutting people out and letting them in, and passwords for who sits at the machine."""

from typing import Annotated

from fastapi import Depends, Request, Response

from gatewayops.api.access import Change, check_holds_all
from gatewayops.api.audit_trail import draft_of
from gatewayops.api.auth import principal_for
from gatewayops.api.directory import OneUser, user_body
from gatewayops.api.late_routes import LateRouter
from gatewayops.api.parts import ControlParts, Parts
from gatewayops.api.second_factor import Who
from gatewayops.api.shapes import Body, InPath
from gatewayops.api.sign_in_shapes import Password, accounts_of
from gatewayops.base.errors import Conflict, Forbidden, Reason
from gatewayops.identity.passwords import check_new
from gatewayops.identity.principal import Principal
from gatewayops.store import origin
from gatewayops.store.audit_entry import Target
from gatewayops.store.control import audit, directory, identity_providers, user_sessions

router = LateRouter(prefix="/v1/users", tags=["Directory"])

_WRITE = "directory.write"

Writer = Annotated[Principal, Depends(principal_for(_WRITE))]


class NewPassword(Body):
    """Twelve characters at least."""

    password: Password


class BreakGlass(Body):
    """True: may sign in with a password whatever the organisation requires."""

    is_break_glass: bool


@router.post("/{user_id}/disable")
async def disable(user_id: InPath, caller: Writer, parts: Parts) -> OneUser:
    """Shuts a user out: their sessions end, and their keys are denied within a second.

    Not oneself, and nobody who holds more than the caller.
    """
    if user_id == caller.user_id:
        msg = "you would shut yourself out; somebody else must do it"
        raise Conflict(msg)
    return await _change(parts, caller, user_id, is_disabled=True)


@router.post("/{user_id}/enable")
async def enable(user_id: InPath, caller: Writer, parts: Parts) -> OneUser:
    """Lets a user in again: their keys count, and they may sign in."""
    return await _change(parts, caller, user_id, is_disabled=False)


@router.put("/{user_id}/break-glass")
async def set_break_glass(user_id: InPath, body: BreakGlass, caller: Writer, parts: Parts) -> OneUser:
    """Whether the user's password counts where single sign-on is required: for when the provider is away.

    Only who holds everything decides it.
    """
    await check_holds_all(parts.database, caller, _WRITE)
    org_id = caller.org_id
    async with parts.database.session() as session:
        user = await directory.set_break_glass(
            session, org_id=org_id, user_id=user_id, is_break_glass=body.is_break_glass
        )
        if not user.is_break_glass and await identity_providers.shuts_passwords(
            session, org_id=org_id, user_id=user_id
        ):
            await identity_providers.end_sessions(session, org_id=org_id, provider_id="", user_id=user_id)
    return OneUser(user=user_body(user))


@router.delete("/{user_id}/sessions", status_code=204)
async def sign_out_everywhere(user_id: InPath, caller: Writer, parts: Parts) -> Response:
    """Signs a user out everywhere; they may sign in again."""
    org_id = caller.org_id
    async with parts.database.session() as session:
        user = await directory.user_of_id(session, org_id=org_id, user_id=user_id)
        await user_sessions.end_all(session, org_id=org_id, user_id=user.id)
        target = Target("user", user.id, user.email, is_personal=True)
        audit.note(session, org_id, draft_of("sessions.revoked", origin.current(), target))
    return Response(status_code=204)


@router.put("/{user_id}/password", status_code=204)
async def set_password(
    user_id: InPath, body: NewPassword, request: Request, caller: Writer, parts: Parts
) -> Response:
    """For who sits at the machine: sets a user's password and ends their sessions. Others invite."""
    if not caller.is_local_admin:
        msg = "only the administrator at the machine sets passwords; people choose theirs by a link"
        raise Forbidden(msg, Reason.ACTION_NOT_GRANTED)
    accounts = accounts_of(request)
    async with parts.database.reading() as session:
        user = await directory.find_user(session, org_id=caller.org_id, ref=user_id)
    check_new(body.password, email=user.email)
    hashed = await accounts.passwords.hash(body.password)
    async with parts.database.session() as session:
        who = Who(caller.org_id, user.id, user.email)
        await accounts.put_password(session, who=who, hashed=hashed, is_by_mail=False)
    return Response(status_code=204)


async def _change(parts: ControlParts, caller: Principal, user_id: str, *, is_disabled: bool) -> OneUser:
    org_id = caller.org_id
    async with parts.database.session() as session:
        change = await Change.begin(session, caller, _WRITE)
        change.gives_all_of(Principal(org_id, "", user_id=user_id))
        user = await directory.disable_user(session, org_id=org_id, user_id=user_id, is_disabled=is_disabled)
        if is_disabled:
            await user_sessions.end_all(session, org_id=org_id, user_id=user.id)
    return OneUser(user=user_body(user))
