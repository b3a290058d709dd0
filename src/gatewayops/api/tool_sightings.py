"""`/internal/tools/seen`: gateways tell which tools they saw that the control role may not know."""

import msgspec
from fastapi import Depends, Request, Response

from gatewayops.api.auth import check_internal
from gatewayops.api.late_routes import LateRouter
from gatewayops.api.parts import Parts
from gatewayops.api.tool_survey import take_sightings
from gatewayops.base.errors import InvalidInput
from gatewayops.policy.pins.pins import Seen

router = LateRouter(prefix="/internal", include_in_schema=False, dependencies=[Depends(check_internal)])


@router.post("/tools/seen", status_code=204)
async def seen(request: Request, parts: Parts) -> Response:
    """Takes a batch (msgpack); what it means is decided here."""
    try:
        batch = msgspec.msgpack.decode(await request.body(), type=list[Seen])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        msg = "not a batch of sightings"
        raise InvalidInput(msg) from error
    await take_sightings(parts, batch)
    return Response(status_code=204)
