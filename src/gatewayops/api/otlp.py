"""OTLP over HTTP: `POST /v1/traces`, `/v1/logs` and `/v1/metrics`, beside the query routes.

Whatever goes wrong is answered as OTLP wants it: a `Status` in the request's own form, Retry-After where
coming back helps. The gateway passes these paths on, so that exporters have the one address.
"""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Annotated, Any

from fastapi import Depends, Request, Response
from starlette.exceptions import HTTPException

from gatewayops.api import answers
from gatewayops.api.auth import principal_for
from gatewayops.api.late_routes import LateRoute, LateRouter
from gatewayops.api.otlp_taking import intake_of, take
from gatewayops.api.parts import ControlParts, Parts
from gatewayops.base.errors import GatewayOpsError, InvalidInput, TooLarge
from gatewayops.identity.principal import Principal
from gatewayops.protocol import otlp
from gatewayops.record.intake import Export
from gatewayops.record.otlp import signals, wire

_BINARY = {"schema": {"type": "string", "format": "binary"}}
_EITHER: dict[str, Any] = {otlp.PROTOBUF: _BINARY, otlp.JSON: {"schema": {"type": "object"}}}
_REFUSED = "A `google.rpc.Status`, in the form of the request."


class OtlpRoute(LateRoute):
    """Answers every error with a `Status`, those of the dependencies too."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The route, guarded."""
        inner = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            return await _answered(request, inner(request))

        return guarded


router = LateRouter(
    tags=["OTLP"],
    route_class=OtlpRoute,
    responses={
        200: {"content": _EITHER, "description": "Taken; `partial_success` says what was not, if anything."},
        "4XX": {"content": _EITHER, "description": f"{_REFUSED} Only 429 is worth another try."},
        503: {"content": _EITHER, "description": f"{_REFUSED} Come back after Retry-After seconds."},
    },
)

Exporter = Annotated[Principal, Depends(principal_for(otlp.ACTION))]


def _body_of(message: str) -> dict[str, Any]:
    body = {"required": True, "content": _EITHER, "description": f"An `{message}`, gzip or not."}
    return {"requestBody": body}


@router.post(otlp.TRACES, response_class=Response, openapi_extra=_body_of("ExportTraceServiceRequest"))
async def export_traces(request: Request, caller: Exporter, parts: Parts) -> Response:
    """Takes spans of servers and clients; they join the gateway's in one trace."""
    return await _taken(signals.TRACES, request, caller, parts)


@router.post(otlp.LOGS, response_class=Response, openapi_extra=_body_of("ExportLogsServiceRequest"))
async def export_logs(request: Request, caller: Exporter, parts: Parts) -> Response:
    """Takes log records; those with a trace id stand with its spans."""
    return await _taken(signals.LOGS, request, caller, parts)


@router.post(otlp.METRICS, response_class=Response, openapi_extra=_body_of("ExportMetricsServiceRequest"))
async def export_metrics(request: Request, caller: Exporter, parts: Parts) -> Response:
    """Takes points of gauges, sums, histograms of both kinds and summaries."""
    return await _taken(signals.METRICS, request, caller, parts)


async def _taken(signal: wire.Signal, request: Request, caller: Principal, parts: ControlParts) -> Response:
    intake = intake_of(parts)
    form = wire.form_of(request.headers.get("content-type", ""))
    encoding = request.headers.get("content-encoding", "")
    export = Export(signal, form, encoding, await request.body())
    refusals = await take(request.app.state.maskers, intake, export, caller)
    answer = wire.success(signal, form, rejected=refusals.count, message=refusals.message())
    return Response(answer, media_type=form)


async def _answered(request: Request, answering: Awaitable[Response]) -> Response:
    try:
        return await answering
    except HTTPException as error:
        limit = "the body is over the limit; send smaller batches"
        refused: GatewayOpsError = (
            TooLarge(limit) if error.status_code == 413 else InvalidInput("the request cannot be read")
        )
    except GatewayOpsError as error:
        if error.status == 500:
            raise
        refused = error
    answer = answers.answer(refused)  # for its status and headers
    given = request.headers.get("content-type", "")
    form, body = otlp.status(given, http_status=refused.status, message=refused.detail)
    kept = ("WWW-Authenticate", "Retry-After")
    headers = {name: answer.headers[name] for name in kept if name in answer.headers}
    return Response(body, status_code=refused.status, media_type=form, headers=headers)
