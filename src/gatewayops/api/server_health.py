"""How the servers are: what gateways tell (`POST /internal/servers/health`), kept in memory for who asks.

A control role that was restarted knows nothing until gateways tell again, 15 seconds later at most.
"""

import time
from typing import Annotated

import msgspec
from fastapi import Depends, Request, Response

from gatewayops.api.auth import check_internal
from gatewayops.api.late_routes import LateRouter
from gatewayops.base.errors import InvalidInput
from gatewayops.upstream.health import HealthBoard, HealthReport, Seen

router = LateRouter(prefix="/internal", include_in_schema=False, dependencies=[Depends(check_internal)])

_report = msgspec.json.Decoder(HealthReport).decode


class ServerHealths:
    """What was told, as of now."""

    def __init__(self, board: HealthBoard) -> None:
        """`board` keeps it."""
        self._board = board

    def of(self, server_id: str) -> Seen:
        """Of a server; ids are not guessed: who asks has found the server in their organisation."""
        return self._board.of(server_id, time.monotonic())

    def take(self, told: HealthReport) -> None:
        """Replaces what that worker told before."""
        self._board.take(told, time.monotonic())


def _of_app(request: Request) -> ServerHealths:
    board = request.app.state.server_health
    assert isinstance(board, HealthBoard)
    return ServerHealths(board)


Healths = Annotated[ServerHealths, Depends(_of_app)]


@router.post("/servers/health", status_code=204)
async def tell(request: Request, healths: Healths) -> Response:
    """A worker's report: all that it has to tell."""
    try:
        told = _report(await request.body())
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        msg = f"no report of health: {error}"
        raise InvalidInput(msg) from error
    healths.take(told)
    return Response(status_code=204)
