"""`/v1/users/{id}/factors`: for administrators, when somebody has lost their phone."""

from typing import Annotated

from fastapi import Depends, Request, Response

from gatewayops.api.access import Change
from gatewayops.api.audit_trail import draft_of
from gatewayops.api.auth import principal_for
from gatewayops.api.factor_shapes import FactorsBody
from gatewayops.api.factors import factors_of
from gatewayops.api.late_routes import LateRouter
from gatewayops.api.parts import Parts
from gatewayops.api.second_factor import Who
from gatewayops.api.shapes import InPath
from gatewayops.api.sign_in_shapes import accounts_of
from gatewayops.identity.principal import Principal
from gatewayops.store import origin
from gatewayops.store.audit_entry import Target
from gatewayops.store.control import audit, directory, factors, pending_sign_ins, user_sessions

router = LateRouter(prefix="/v1/users", tags=["Directory"])

_WRITE = "directory.write"

Reader = Annotated[Principal, Depends(principal_for("directory.read"))]
Writer = Annotated[Principal, Depends(principal_for(_WRITE))]


@router.get("/{user_id}/factors")
async def show(user_id: InPath, caller: Reader, parts: Parts) -> FactorsBody:
    """A user's second factors."""
    async with parts.database.reading() as session:
        user = await directory.find_user(session, org_id=caller.org_id, ref=user_id)
    return await factors_of(parts, Who(caller.org_id, user.id, user.email))


@router.delete("/{user_id}/factors", status_code=204)
async def reset(user_id: InPath, request: Request, caller: Writer, parts: Parts) -> Response:
    """Takes all second factors from a user and signs them out; they are told by mail.

    Not from one who holds more than the caller.
    """
    org_id = caller.org_id
    async with parts.database.session() as session:
        change = await Change.begin(session, caller, _WRITE)
        user = await directory.find_user(session, org_id=org_id, ref=user_id)
        change.gives_all_of(Principal(org_id, "", user_id=user.id, team_id=user.team_id))
        await factors.remove_all(session, org_id=org_id, user_id=user.id)
        await pending_sign_ins.end_all(session, org_id=org_id, user_id=user.id)
        await user_sessions.end_all(session, org_id=org_id, user_id=user.id)
        target = Target("user", user.id, user.email, is_personal=True)
        audit.note(session, org_id, draft_of("factors.reset", origin.current(), target))
    await accounts_of(request).mail.tell(user.email, "An administrator removed your second factors.")
    return Response(status_code=204)
