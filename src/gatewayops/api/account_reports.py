"""`POST /internal/upstream-accounts/refused`: accounts whose token a server did not take, by their ids."""

from typing import Annotated

from fastapi import Body, Depends, Response

from gatewayops.api.auth import check_internal
from gatewayops.api.late_routes import LateRouter
from gatewayops.api.parts import Parts
from gatewayops.store.control import upstream_accounts

router = LateRouter(prefix="/internal", include_in_schema=False, dependencies=[Depends(check_internal)])


@router.post("/upstream-accounts/refused", status_code=204)
async def take_refused(ids: Annotated[list[str], Body(max_length=1_000)], parts: Parts) -> Response:
    """They are renewed next, unless that was done just now."""
    async with parts.database.session() as session:
        await upstream_accounts.refused(session, ids)
    return Response(status_code=204)
