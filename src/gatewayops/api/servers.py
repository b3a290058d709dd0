"""`/v1/servers`: registering, changing, removing and testing the MCP servers behind the gateway."""

from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec
from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, Field

from gatewayops.api.auth import principal_for
from gatewayops.api.parts import ControlParts, Parts
from gatewayops.api.shapes import Body, InPath, Listed, PageAsked, paging
from gatewayops.api.upstream_headers import check_headers, open_headers, seal_headers
from gatewayops.base.errors import Forbidden, InvalidInput, Reason, UpstreamError
from gatewayops.identity.principal import Principal, grants
from gatewayops.record.masking import Masker
from gatewayops.store.control import servers
from gatewayops.store.control.servers import Server, ServerSpec
from gatewayops.upstream.address import AddressRefused, AddressUnknown, check_url, resolve
from gatewayops.upstream.probe import probe

router = APIRouter(prefix="/v1/servers", tags=["MCP servers"])

_MASKS = Masker()
_DEFAULT_PORTS = {"http": 80, "https": 443}
_SETTING = "control.allow_private_upstreams (GATEWAYOPS_CONTROL__ALLOW_PRIVATE_UPSTREAMS=true)"

Reader = Annotated[Principal, Depends(principal_for("servers.read"))]
Writer = Annotated[Principal, Depends(principal_for("servers.write"))]

ServerName = Annotated[str, Field(pattern="^[a-z0-9][a-z0-9-]{0,62}$")]
Seconds = Annotated[float, Field(gt=0, le=3600)]
Retries = Annotated[int, Field(ge=0, le=10)]
InFlight = Annotated[int, Field(ge=1, le=10_000)]


class NewServer(Body):
    """`headers` go to the server with every call; their values are sealed and never come back."""

    name: ServerName
    url: str
    timeout_s: Seconds = 30.0
    connect_timeout_s: Seconds = 5.0
    retries: Retries = 2
    max_in_flight: InFlight = 100
    headers: dict[str, str] = Field(default={})
    allow_private_network: bool = False


class ServerChange(Body):
    """What is left out stays as it is; `headers` replaces all headers."""

    name: ServerName | None = None
    url: str | None = None
    timeout_s: Seconds | None = None
    connect_timeout_s: Seconds | None = None
    retries: Retries | None = None
    max_in_flight: InFlight | None = None
    headers: dict[str, str] | None = None
    allow_private_network: bool | None = None


class ServerBody(BaseModel):
    """A server, with the names of its headers."""

    id: str
    name: str
    url: str
    timeout_s: float
    connect_timeout_s: float
    retries: int
    max_in_flight: int
    header_names: list[str]
    allow_private_network: bool
    created_at: datetime
    updated_at: datetime


class OneServer(BaseModel):
    """The answer about one server."""

    server: ServerBody


class ServerList(Listed):
    """A page of servers."""

    servers: list[ServerBody]


class Tested(BaseModel):
    """What a first conversation with the server showed; `error` says why when it is not ok."""

    ok: bool
    era: str | None = None
    server_name: str | None = None
    server_version: str | None = None
    tools: list[str] = []
    latency_ms: float | None = None
    error: str | None = None


@router.post("", status_code=201)
async def add(body: NewServer, caller: Writer, parts: Parts) -> OneServer:
    """Registers a server; calls go to `/v1/mcp/<name>` at once."""
    _check_granted(caller, body.name)
    check_headers(body.headers)
    may_be_private = body.allow_private_network
    allows_private = await _allows_private(parts, caller, url=body.url, is_asked=may_be_private)
    spec = ServerSpec(
        name=body.name,
        url=body.url,
        timeout_s=body.timeout_s,
        connect_timeout_s=body.connect_timeout_s,
        retries=body.retries,
        max_in_flight=body.max_in_flight,
        allows_private=allows_private,
    )
    server_id = servers.new_server_id()
    headers = seal_headers(parts.sealer, body.headers, org_id=caller.org_id, server_id=server_id)
    async with parts.database.session() as session:
        server = await servers.add(
            session, org_id=caller.org_id, server_id=server_id, spec=spec, headers=headers
        )
    return OneServer(server=_body(server))


@router.get("")
async def list_servers(caller: Reader, parts: Parts, asked: PageAsked) -> ServerList:
    """The organisation's servers that your key covers, newest first."""
    async with parts.database.reading() as session:
        page = await servers.page(session, org_id=caller.org_id, asked=asked)
    granted = [_body(server) for server in page.rows if grants(caller.servers, server.spec.name)]
    return ServerList(servers=granted, **paging(page))


@router.get("/{server}")
async def show(server: InPath, caller: Reader, parts: Parts) -> OneServer:
    """One server, by id or name."""
    return OneServer(server=_body(await _find(parts, caller, server)))


@router.patch("/{server}")
async def change(server: InPath, body: ServerChange, caller: Writer, parts: Parts) -> OneServer:
    """Changes what is given; gateways follow within a second."""
    known = await _find(parts, caller, server)
    spec = await _changed(parts, caller, known, body)
    headers = known.headers
    if body.headers is not None:
        check_headers(body.headers)
        headers = seal_headers(parts.sealer, body.headers, org_id=caller.org_id, server_id=known.id)
    async with parts.database.session() as session:
        now = await servers.change(session, known, spec=spec, headers=headers)
    return OneServer(server=_body(now))


@router.delete("/{server}", status_code=204)
async def remove(server: InPath, caller: Writer, parts: Parts) -> Response:
    """Removes a server; its records stay."""
    known = await _find(parts, caller, server)
    async with parts.database.session() as session:
        await servers.remove(session, org_id=caller.org_id, server_id=known.id)
    return Response(status_code=204)


@router.post("/{server}/test")
async def test(server: InPath, caller: Writer, parts: Parts) -> Tested:
    """Connects, says hello, lists the tools."""
    known = await _find(parts, caller, server)
    headers = open_headers(parts.sealer, known.headers, org_id=known.org_id, server_id=known.id)
    try:
        seen = await probe(known.row(), headers, parts.upstream)
    except UpstreamError as error:
        return Tested(ok=False, error=error.detail)
    return Tested(
        ok=True,
        era=seen.era,
        server_name=seen.server_name,
        server_version=seen.server_version,
        tools=list(seen.tools),
        latency_ms=seen.latency_ms,
    )


async def _find(parts: ControlParts, caller: Principal, ref: str) -> Server:
    async with parts.database.reading() as session:
        server = await servers.find(session, org_id=caller.org_id, ref=ref)
    _check_granted(caller, server.spec.name)
    return server


def _check_granted(caller: Principal, name: str) -> None:
    if not grants(caller.servers, name):
        msg = f"your key does not cover the server {name}"
        raise Forbidden(msg, Reason.SERVER_NOT_GRANTED)


async def _changed(parts: ControlParts, caller: Principal, known: Server, body: ServerChange) -> ServerSpec:
    given = body.model_dump(exclude_none=True, exclude={"headers", "allow_private_network"})
    spec = msgspec.structs.replace(known.spec, **given)
    if body.name is not None:
        _check_granted(caller, body.name)
    if known.headers.names and body.headers is None and _origin(spec.url) != _origin(known.spec.url):
        msg = (
            "headers: give them again, for the url now names another server, which must not get the old ones"
        )
        raise InvalidInput(msg)
    if body.url is None and body.allow_private_network is None:
        return spec
    is_asked = known.spec.allows_private if body.allow_private_network is None else body.allow_private_network
    allows = await _allows_private(parts, caller, url=spec.url, is_asked=is_asked)
    return msgspec.structs.replace(spec, allows_private=allows)


async def _allows_private(parts: ControlParts, caller: Principal, *, url: str, is_asked: bool) -> bool:
    """Whether the server may be at a private address, after checking the one that it has now.

    The local administrator may always; others only where the setting says so, and when they ask.
    A name that does not resolve yet is fine: the gateway checks again at every connection.
    """
    check_url(url)
    if _MASKS.text(url) != url:
        msg = "url: it holds what looks like a secret, and addresses are not kept secret; send it as a header"
        raise InvalidInput(msg)
    may = caller.is_local_admin or parts.settings.allow_private_upstreams
    if is_asked and not may:
        msg = f"allow_private_network: needs the setting {_SETTING}"
        raise Forbidden(msg, Reason.UPSTREAM_ADDRESS)
    host, port = _host_and_port(url)
    try:
        await resolve(host, port, allows_private=is_asked)
    except AddressUnknown:
        return is_asked
    except AddressRefused as error:
        if caller.is_local_admin and not is_asked:
            return await _allows_private(parts, caller, url=url, is_asked=True)
        raise InvalidInput(
            f"url: {error.detail}{_way_out(may=may, is_asked=is_asked)}", error.reason
        ) from error
    return is_asked


def _way_out(*, may: bool, is_asked: bool) -> str:
    if is_asked:
        return ""
    wish = "; a server in a private network needs allow_private_network: true"
    return wish if may else f"{wish} and the setting {_SETTING}"


def _host_and_port(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or _DEFAULT_PORTS[parts.scheme]


def _origin(url: str) -> tuple[Any, ...]:
    return urlsplit(url).scheme, *_host_and_port(url)


def _body(server: Server) -> ServerBody:
    spec = server.spec
    return ServerBody(
        id=server.id,
        name=spec.name,
        url=spec.url,
        timeout_s=spec.timeout_s,
        connect_timeout_s=spec.connect_timeout_s,
        retries=spec.retries,
        max_in_flight=spec.max_in_flight,
        header_names=list(server.headers.names),
        allow_private_network=spec.allows_private,
        created_at=server.created_at,
        updated_at=server.updated_at,
    )
