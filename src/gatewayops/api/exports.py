"""`/v1/exports`: where an organisation's calls go as OpenTelemetry spans."""

import base64
from typing import Annotated
from urllib.parse import urlsplit

import msgspec
from fastapi import APIRouter, Depends, Response

from gatewayops.api.auth import principal_for
from gatewayops.api.export_shapes import (
    ExportChange,
    ExportList,
    NewExport,
    OneExport,
    Tested,
    export_body,
)
from gatewayops.api.parts import ControlParts, Parts
from gatewayops.api.shapes import InPath, PageAsked, paging
from gatewayops.api.upstream_headers import check_headers
from gatewayops.base import clock
from gatewayops.base.errors import Forbidden, InvalidInput, Reason
from gatewayops.base.ids import new_trace_and_span_id
from gatewayops.identity.principal import Principal, grants
from gatewayops.record.exports.spans import test_request
from gatewayops.store.control import exports
from gatewayops.store.control.exports import DestinationSpec
from gatewayops.upstream.address import AddressRefused, AddressUnknown, check_url, resolve
from gatewayops.upstream.exports.delivery import deliver, opened_target
from gatewayops.upstream.exports.sender import excerpt

router = APIRouter(prefix="/v1/exports", tags=["Exports"])

_SETTING = "control.allow_private_upstreams (GATEWAYOPS_CONTROL__ALLOW_PRIVATE_UPSTREAMS=true)"
_ENDPOINTS = {"honeycomb": "https://api.honeycomb.io", "new_relic": "https://otlp.nr-data.net"}
_KEY_HEADERS = {
    "datadog": "dd-api-key",
    "grafana_cloud": "authorization",
    "honeycomb": "x-honeycomb-team",
    "new_relic": "api-key",
}

Reader = Annotated[Principal, Depends(principal_for("exports.read"))]
Writer = Annotated[Principal, Depends(principal_for("exports.write"))]


@router.post("", status_code=201)
async def add(body: NewExport, caller: Writer, parts: Parts) -> OneExport:
    """Adds a destination; calls from now on go there. Your key must cover the servers whose calls go."""
    _check_granted(caller, body.servers)
    endpoint = body.endpoint or _ENDPOINTS.get(body.preset, "")
    await _check_endpoint(parts, caller, endpoint, is_private=body.allow_private_network)
    headers = _headers(body)
    check_headers(headers)
    export_id = exports.new_destination_id()
    sealed = b""
    if headers:
        sealed = await parts.credentials.seal(
            msgspec.json.encode(headers),
            org_id=caller.org_id,
            bound_to=exports.export_binding(caller.org_id, export_id),
        )
    spec = DestinationSpec(
        name=body.name,
        preset=body.preset,
        endpoint=endpoint,
        header_names=tuple(sorted(headers)),
        headers_sealed=sealed,
        is_gzip=body.gzip,
        allows_private=body.allow_private_network,
        with_payloads=body.with_payloads,
        is_enabled=body.enabled,
        servers=tuple(body.servers),
        statuses=tuple(body.statuses),
        sample_ratio=body.sample_ratio,
    )
    async with parts.database.session() as session:
        made = await exports.add(session, org_id=caller.org_id, destination_id=export_id, spec=spec)
    return OneExport(export=export_body(made, parts.exports_folder))


@router.get("")
async def list_exports(caller: Reader, parts: Parts, asked: PageAsked) -> ExportList:
    """The organisation's destinations, newest first, each with its state."""
    async with parts.database.reading() as session:
        page = await exports.page(session, org_id=caller.org_id, asked=asked)
    shown = [export_body(row, parts.exports_folder) for row in page.rows]
    return ExportList(exports=shown, **paging(page))


@router.get("/{export}")
async def show(export: InPath, caller: Reader, parts: Parts) -> OneExport:
    """One destination, by id or name: what waits, what was sent, what went wrong."""
    async with parts.database.reading() as session:
        found = await exports.find(session, org_id=caller.org_id, ref=export)
    return OneExport(export=export_body(found, parts.exports_folder))


@router.patch("/{export}")
async def change(export: InPath, body: ExportChange, caller: Writer, parts: Parts) -> OneExport:
    """Switches a destination on or off, within a second."""
    async with parts.database.session() as session:
        known = await exports.find(session, org_id=caller.org_id, ref=export)
        _check_granted(caller, list(known.spec.servers))
        changed = await exports.switch(session, org_id=caller.org_id, ref=export, is_enabled=body.enabled)
    return OneExport(export=export_body(changed, parts.exports_folder))


@router.delete("/{export}", status_code=204)
async def remove(export: InPath, caller: Writer, parts: Parts) -> Response:
    """Removes a destination and what waits for it."""
    async with parts.database.session() as session:
        known = await exports.find(session, org_id=caller.org_id, ref=export)
        _check_granted(caller, list(known.spec.servers))
        await exports.remove(session, org_id=caller.org_id, ref=export)
    return Response(status_code=204)


@router.post("/{export}/test")
async def test(export: InPath, caller: Writer, parts: Parts) -> Tested:
    """Sends one span now, past the queue, and tells what the other side said."""
    async with parts.database.reading() as session:
        found = await exports.find(session, org_id=caller.org_id, ref=export)
    _check_granted(caller, list(found.spec.servers))
    target = await opened_target(parts.credentials, found)
    trace_id, span_id = new_trace_and_span_id()
    request = test_request(trace_id, span_id, at_ns=int(clock.unix_s() * 1e9))
    answer = await deliver(target, request.SerializeToString())
    return Tested(
        is_accepted=200 <= answer.status < 300,
        status=answer.status,
        body=excerpt(answer),
        error=answer.error or None,
    )


def _check_granted(caller: Principal, servers: list[str]) -> None:
    over = [name for name in servers or ["*"] if not grants(caller.servers, name)]
    if over:
        msg = f"servers: your key does not cover {', '.join(over)}; name servers that it covers"
        raise Forbidden(msg, Reason.SERVER_NOT_GRANTED)


async def _check_endpoint(parts: ControlParts, caller: Principal, endpoint: str, *, is_private: bool) -> None:
    if not endpoint:
        msg = "endpoint: this preset needs one, such as https://otlp.example.com"
        raise InvalidInput(msg)
    check_url(endpoint)
    if is_private and not (parts.settings.allow_private_upstreams or caller.is_local_admin):
        msg = f"allow_private_network: needs the setting {_SETTING}"
        raise Forbidden(msg, Reason.UPSTREAM_ADDRESS)
    url = urlsplit(endpoint)
    try:
        await resolve(url.hostname or "", url.port or 443, allows_private=is_private)
    except AddressUnknown:
        return  # it may resolve later; each delivery checks again
    except AddressRefused as error:
        msg = f"endpoint: {error.detail}; in a private network it needs allow_private_network: true"
        raise InvalidInput(msg, error.reason) from error


def _headers(body: NewExport) -> dict[str, str]:
    headers = dict(body.headers)
    if not body.api_key:
        return headers
    name = _KEY_HEADERS.get(body.preset)
    if name is None:
        msg = "api_key: the preset generic has no header for it; give it in headers"
        raise InvalidInput(msg)
    is_basic = body.preset == "grafana_cloud"
    value = "Basic " + base64.b64encode(body.api_key.encode()).decode() if is_basic else body.api_key
    return headers | {name: value}
