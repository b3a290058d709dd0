"""`/v1/users/{id}/identities`: who a user is at the identity providers of their organisation."""

from datetime import datetime
from typing import Annotated

from fastapi import Depends, Response

from gatewayops.api.access import Change
from gatewayops.api.auth import principal_for
from gatewayops.api.late_routes import LateRouter
from gatewayops.api.parts import Parts
from gatewayops.api.shapes import InPath, LateShape, Listed, PageAsked, paging
from gatewayops.identity.principal import Principal
from gatewayops.store.control import directory, user_identities

router = LateRouter(prefix="/v1/users/{user_id}/identities", tags=["Directory"])

_WRITE = "directory.write"

Reader = Annotated[Principal, Depends(principal_for("directory.read"))]
Writer = Annotated[Principal, Depends(principal_for(_WRITE))]


class UserIdentityBody(LateShape):
    """One that the user comes in by. `email` is what the provider called them last, and decides nothing."""

    id: str
    provider_id: str
    provider: str
    issuer: str
    subject: str
    email: str
    created_at: datetime
    used_at: datetime


class UserIdentityList(Listed):
    """A page of identities."""

    identities: list[UserIdentityBody]


@router.get("")
async def list_identities(
    user_id: InPath, caller: Reader, parts: Parts, asked: PageAsked
) -> UserIdentityList:
    """Newest first; none for who never came in by a provider."""
    org_id = caller.org_id
    async with parts.database.reading() as session:
        user = await directory.find_user(session, org_id=org_id, ref=user_id)
        page = await user_identities.page(session, org_id=org_id, user_id=user.id, asked=asked)
    names = UserIdentityBody.model_fields
    bodies = [UserIdentityBody(**{name: getattr(row, name) for name in names}) for row in page.rows]
    return UserIdentityList(identities=bodies, **paging(page))


@router.delete("/{identity_id}", status_code=204)
async def remove(user_id: InPath, identity_id: InPath, caller: Writer, parts: Parts) -> Response:
    """Who the user is there is forgotten: sessions that the provider made end, roles by its groups go.

    At the next sign-in there the address decides anew who it is. Not from one who holds more than the caller.
    """
    org_id = caller.org_id
    async with parts.database.session() as session:
        change = await Change.begin(session, caller, _WRITE)
        user = await directory.find_user(session, org_id=org_id, ref=user_id)
        change.gives_all_of(Principal(org_id, "", user_id=user.id, team_id=user.team_id))
        await user_identities.remove(session, org_id=org_id, user=user, identity_id=identity_id)
        await change.finish(session)
    return Response(status_code=204)
