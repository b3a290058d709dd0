"""What the doors of OTLP have in common: the intake, and that at OTLP's own port is nothing else."""

from starlette.types import ASGIApp, Receive, Scope, Send

from gatewayops.api.masking_now import MaskersNow
from gatewayops.api.parts import ControlParts
from gatewayops.base.errors import Unavailable
from gatewayops.identity.principal import Principal
from gatewayops.protocol import otlp
from gatewayops.record.intake import Export, Intake
from gatewayops.record.otlp.sender import Refusals, Sender


def intake_of(parts: ControlParts) -> Intake:
    """Raises Unavailable where exports are not taken."""
    if parts.intake is None:
        msg = "exports are taken by the running control role"
        raise Unavailable(msg)
    return parts.intake


async def take(maskers: MaskersNow, intake: Intake, export: Export, caller: Principal) -> Refusals:
    """Returns when what is good of it is on disk, masked by the caller's rules; raises as Intake.take."""
    sender = Sender(
        org_id=caller.org_id,
        key_id=caller.key_id,
        user_id=caller.user_id,
        team_id=caller.team_id,
        project_id=caller.project_id,
        env=caller.env,
        servers=caller.servers,
    )
    return await intake.take(export, sender, await maskers.of(caller.org_id))


class OnlyExports:
    """ASGI: lets exports through to `app`, and nothing else of the API."""

    def __init__(self, app: ASGIApp) -> None:
        """`app` is the API."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """404 for whatever is no export."""
        if otlp.is_export(scope["method"], scope["path"]):
            await self._app(scope, receive, send)
            return
        kind, body = otlp.status(otlp.JSON, http_status=404, message="exports are taken here, nothing else")
        headers = [(b"content-type", kind.encode()), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 404, "headers": headers})
        await send({"type": "http.response.body", "body": body})
