"""`/v1/end-users/{end_user}/identities`: who an end user is at the providers where they sign in."""

from datetime import datetime
from typing import Annotated

from fastapi import Depends, Response

from gatewayops.api.auth import principal_for
from gatewayops.api.late_routes import LateRouter
from gatewayops.api.parts import Parts
from gatewayops.api.shapes import InPath, LateShape, Listed, PageAsked, paging
from gatewayops.identity.principal import Principal
from gatewayops.store.control import end_user_identities

router = LateRouter(prefix="/v1/end-users/{end_user}/identities", tags=["End users"])

Reader = Annotated[Principal, Depends(principal_for("end_users.read"))]
Writer = Annotated[Principal, Depends(principal_for("end_users.write"))]


class IdentityBody(LateShape):
    """One that the person comes in by. `email` is what the issuer called them last, and decides nothing."""

    id: str
    issuer: str
    subject: str
    email: str
    created_at: datetime
    used_at: datetime


class IdentityList(Listed):
    """A page of identities."""

    identities: list[IdentityBody]


@router.get("")
async def list_identities(end_user: InPath, caller: Reader, parts: Parts, asked: PageAsked) -> IdentityList:
    """Newest first; none for who has a password only."""
    async with parts.database.reading() as session:
        page = await end_user_identities.page(session, org_id=caller.org_id, ref=end_user, asked=asked)
    bodies = [
        IdentityBody(**{name: getattr(row, name) for name in IdentityBody.model_fields}) for row in page.rows
    ]
    return IdentityList(identities=bodies, **paging(page))


@router.delete("/{identity_id}", status_code=204)
async def remove(end_user: InPath, identity_id: InPath, caller: Writer, parts: Parts) -> Response:
    """The person comes in by it no more, and sessions and tokens end: it may have begun them."""
    async with parts.database.session() as session:
        await end_user_identities.remove(session, org_id=caller.org_id, ref=end_user, identity_id=identity_id)
    return Response(status_code=204)
