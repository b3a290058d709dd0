"""`/v1/exports`: where an organisation's calls go as OpenTelemetry spans."""

import re
from collections.abc import Sequence
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec
from fastapi import Depends, Response

from gatewayops.api.auth import principal_for
from gatewayops.api.export_shapes import (
    ExportChange,
    ExportList,
    NewExport,
    OneExport,
    Tested,
    export_body,
)
from gatewayops.api.late_routes import LateRouter
from gatewayops.api.parts import ControlParts, Parts
from gatewayops.api.private_networks import check_may_allow
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
from gatewayops.upstream.exports.delivery import Protocol, Target, Verdict, connected, opened_target
from gatewayops.upstream.exports.presets import PRESETS

router = LateRouter(prefix="/v1/exports", tags=["Exports"])

_FIELDS = {"gzip": "is_gzip", "enabled": "is_enabled", "allow_private_network": "allows_private"}
_METADATA = re.compile(r"(?!grpc-)[0-9a-z_.-]+(?<!-bin)")

Reader = Annotated[Principal, Depends(principal_for("exports.read"))]
Writer = Annotated[Principal, Depends(principal_for("exports.write"))]


@router.post("", status_code=201)
async def add(body: NewExport, caller: Writer, parts: Parts) -> OneExport:
    """Adds a destination; calls from now on go there. Your key must cover the servers whose calls go."""
    headers = _headers(body.preset, body.headers, body.api_key)
    spec = DestinationSpec(
        name=body.name,
        preset=body.preset,
        endpoint=body.endpoint or PRESETS[body.preset].endpoint,
        protocol=body.protocol,
        header_names=tuple(sorted(headers)),
        is_gzip=body.gzip,
        allows_private=body.allow_private_network,
        with_payloads=body.with_payloads,
        is_enabled=body.enabled,
        servers=tuple(body.servers),
        statuses=tuple(body.statuses),
        sample_ratio=body.sample_ratio,
    )
    await _check(parts, caller, spec)
    export_id = exports.new_destination_id()
    sealed = await _sealed(parts, headers, org_id=caller.org_id, export_id=export_id)
    spec = msgspec.structs.replace(spec, headers_sealed=sealed)
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
    """Changes what is given, within a second."""
    async with parts.database.reading() as session:
        known = await exports.find(session, org_id=caller.org_id, ref=export)
    _check_granted(caller, known.spec.servers)
    columns = _columns(body)
    check_url(columns.get("endpoint", known.spec.endpoint), field="endpoint")
    if body.headers is not None or body.api_key is not None:
        headers = _headers(known.spec.preset, body.headers or {}, body.api_key or "")
        sealed = await _sealed(parts, headers, org_id=caller.org_id, export_id=known.id)
        columns |= {"header_names": tuple(sorted(headers)), "headers_sealed": sealed}
    spec = msgspec.structs.replace(known.spec, **columns)
    is_elsewhere = _origin(spec.endpoint) != _origin(known.spec.endpoint)
    if is_elsewhere and known.spec.header_names and "headers_sealed" not in columns:
        msg = "headers: give them again, for the endpoint is another host, which must not get the old ones"
        raise InvalidInput(msg)
    if columns != {"is_enabled": False}:  # off is possible whatever became of the address and the settings
        await _check(parts, caller, spec)
    async with parts.database.session() as session:
        changed = await exports.change(
            session, org_id=caller.org_id, destination_id=known.id, columns=columns
        )
    return OneExport(export=export_body(changed, parts.exports_folder))


@router.delete("/{export}", status_code=204)
async def remove(export: InPath, caller: Writer, parts: Parts) -> Response:
    """Removes a destination and what waits for it."""
    async with parts.database.session() as session:
        known = await exports.find(session, org_id=caller.org_id, ref=export)
        _check_granted(caller, known.spec.servers)
        await exports.remove(session, org_id=caller.org_id, ref=export)
    return Response(status_code=204)


@router.post("/{export}/test")
async def test(export: InPath, caller: Writer, parts: Parts) -> Tested:
    """Sends one span now, past the queue, and tells what the other side said."""
    async with parts.database.reading() as session:
        found = await exports.find(session, org_id=caller.org_id, ref=export)
    _check_granted(caller, found.spec.servers)
    target = await opened_target(parts.credentials, found)
    trace_id, span_id = new_trace_and_span_id()
    request = test_request(trace_id, span_id, at_ns=int(clock.unix_s() * 1e9))
    async with connected(target) as deliver:
        answer = await deliver(request)
    return Tested(
        is_accepted=answer.verdict is Verdict.TAKEN,
        answer=answer.told,
        status=answer.status,
        body=answer.body,
        error=answer.error or None,
    )


def _columns(body: ExportChange) -> dict[str, Any]:
    """Of the spec, without headers."""
    given = body.model_dump(exclude_none=True, exclude={"headers", "api_key"})
    return {
        _FIELDS.get(name, name): tuple(value) if isinstance(value, list) else value
        for name, value in given.items()
    }


def _headers(preset: str, headers: dict[str, str], api_key: str) -> dict[str, str]:
    """With the key among them."""
    all_of_them = headers | (PRESETS[preset].headers_for(api_key) if api_key else {})
    check_headers(all_of_them)
    return all_of_them


async def _sealed(parts: ControlParts, headers: dict[str, str], *, org_id: str, export_id: str) -> bytes:
    if not headers:
        return b""
    plain, bound_to = msgspec.json.encode(headers), exports.export_binding(org_id, export_id)
    return await parts.credentials.seal(plain, org_id=org_id, bound_to=bound_to)


async def _check(parts: ControlParts, caller: Principal, spec: DestinationSpec) -> None:
    """Whether the caller may have calls sent there, and they can be. Raises Forbidden, InvalidInput."""
    _check_granted(caller, spec.servers)
    protocols = PRESETS[spec.preset].protocols
    if spec.protocol not in protocols:
        msg = f"protocol: {spec.preset} takes {', '.join(sorted(protocols))}"
        raise InvalidInput(msg)
    await _check_endpoint(parts, caller, spec)
    if spec.protocol == Protocol.GRPC:
        _check_grpc(spec)


def _check_granted(caller: Principal, servers: Sequence[str]) -> None:
    over = [name for name in servers or ["*"] if not grants(caller.servers, name)]
    if over:
        msg = f"servers: your key does not cover {', '.join(over)}; name servers that it covers"
        raise Forbidden(msg, Reason.SERVER_NOT_GRANTED)


async def _check_endpoint(parts: ControlParts, caller: Principal, spec: DestinationSpec) -> None:
    if not spec.endpoint:
        msg = "endpoint: this preset needs one, such as https://otlp.example.com"
        raise InvalidInput(msg)
    check_url(spec.endpoint, field="endpoint")
    check_may_allow(parts, caller, is_asked=spec.allows_private)
    _, host, port = _origin(spec.endpoint)
    try:
        await resolve(host, port, allows_private=spec.allows_private)
    except AddressUnknown:
        return  # it may resolve later; each delivery checks again
    except AddressRefused as error:
        msg = f"endpoint: {error.detail}; in a private network it needs allow_private_network: true"
        raise InvalidInput(msg, error.reason) from error


def _check_grpc(spec: DestinationSpec) -> None:
    if urlsplit(spec.endpoint).path.strip("/"):
        msg = "endpoint: over gRPC it has no path, as https://otlp.example.com:4317"
        raise InvalidInput(msg)
    for name in spec.header_names:
        if not _METADATA.fullmatch(name.lower()):
            msg = f"headers.{name}: gRPC cannot send a header of this name"
            raise InvalidInput(msg)


def _origin(endpoint: str) -> tuple[str, str, int]:
    target = Target(endpoint)
    return target.url.scheme, target.url.hostname or "", target.port
