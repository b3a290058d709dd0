"""`/internal`: what our own roles ask of the control role; not part of the public API."""

import asyncio
from typing import Annotated

from fastapi import Depends, Query, Request, Response

from gatewayops.api.auth import check_internal
from gatewayops.api.late_routes import LateRouter
from gatewayops.api.parts import Parts
from gatewayops.cost.budgets import standing, totals
from gatewayops.store.control.snapshot_feed import RevisionWatch
from gatewayops.store.snapshot import EMPTY

router = LateRouter(prefix="/internal", include_in_schema=False, dependencies=[Depends(check_internal)])


@router.get("/snapshot")
async def newer_snapshot(
    request: Request,
    revision: int = EMPTY.revision,
    wait_s: Annotated[float, Query(ge=0, le=60)] = 0.0,
    follower: Annotated[str, Query(max_length=64)] = "",
) -> Response:
    """The snapshot (msgpack) as soon as it is newer than `revision`; 204 when it is not within `wait_s`.

    A `follower` has `revision` in use; changes wait until it knows them (see Delivery).
    """
    watch = request.app.state.watch
    assert isinstance(watch, RevisionWatch)
    if follower:
        watch.followers.came(follower, revision)
    waiting = asyncio.create_task(watch.newer_than(revision, wait_s=wait_s))
    leaving = asyncio.create_task(_left(request))
    try:
        await asyncio.wait((waiting, leaving), return_when=asyncio.FIRST_COMPLETED)
        encoded = waiting.result() if waiting.done() else None
        if follower and leaving.done():
            watch.followers.left(follower)
    finally:
        waiting.cancel()
        leaving.cancel()
    if encoded is None:
        return Response(status_code=204)
    return Response(encoded, media_type="application/msgpack")


@router.get("/ledger")
async def ledger_totals(parts: Parts) -> Response:
    """What each hard budget has spent (msgpack, cost.budgets.totals), and up to which place in the spool."""
    async with parts.database.reading() as session:
        state = await standing.state_for_gateways(session)
    return Response(totals.encode(state), media_type="application/msgpack")


async def _left(request: Request) -> None:
    """Returns when the caller has hung up: a gateway that stops must not hold up our own stop."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
