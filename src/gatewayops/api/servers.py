"""`/v1/servers`: registering, changing, removing and testing the MCP servers behind the gateway."""

from collections.abc import Iterable
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec
from fastapi import Depends, Response

from gatewayops.api.account_tokens import own_header
from gatewayops.api.auth import principal_for
from gatewayops.api.late_routes import LateRouter
from gatewayops.api.parts import ControlParts, Parts
from gatewayops.api.private_networks import SETTING, check_may_allow, may_allow
from gatewayops.api.server_health import Healths
from gatewayops.api.server_shapes import NewServer, OneServer, ServerChange, ServerList, Tested, server_body
from gatewayops.api.shapes import InPath, PageAsked, paging
from gatewayops.api.upstream_headers import check_headers, open_headers, seal_headers
from gatewayops.base.errors import Forbidden, InvalidInput, Reason, UpstreamError
from gatewayops.identity.principal import Principal, grants
from gatewayops.record.masking import Masker
from gatewayops.store.control import servers, slugs
from gatewayops.store.control.servers import Server, ServerSpec
from gatewayops.store.snapshot import ANONYMOUS, USER_OAUTH
from gatewayops.upstream.accounts.held import SignInNeeded
from gatewayops.upstream.address import AddressRefused, AddressUnknown, check_url, resolve
from gatewayops.upstream.probe import probe

router = LateRouter(prefix="/v1/servers", tags=["MCP servers"])

_MASKS = Masker()
_DEFAULT_PORTS = {"http": 80, "https": 443}

Reader = Annotated[Principal, Depends(principal_for("servers.read"))]
Writer = Annotated[Principal, Depends(principal_for("servers.write"))]


@router.post("", status_code=201)
async def add(body: NewServer, caller: Writer, parts: Parts, healths: Healths) -> OneServer:
    """Registers a server; calls go to `/v1/mcp/<name>` at once."""
    _check_granted(caller, body.name)
    check_headers(body.headers)
    may_be_private = body.allow_private_network
    allows_private = await _allows_private(parts, caller, url=body.url, is_asked=may_be_private)
    if body.slug:
        slugs.check(body.slug)
    decided = servers.as_decided(body.model_dump(exclude={"headers", "allow_private_network", "slug"}))
    spec = ServerSpec(allows_private=allows_private, **decided)
    _check_upstream(spec, body.headers)
    server_id = servers.new_server_id()
    headers = await seal_headers(parts.credentials, body.headers, org_id=caller.org_id, server_id=server_id)
    async with parts.database.session() as session:
        server = await servers.add(
            session,
            org_id=caller.org_id,
            server_id=server_id,
            spec=spec,
            headers=headers,
            slug=body.slug or "",
        )
    return OneServer(server=server_body(server, healths.of(server.id), parts.site))


@router.get("")
async def list_servers(caller: Reader, parts: Parts, asked: PageAsked, healths: Healths) -> ServerList:
    """The organisation's servers that your key covers, newest first."""
    async with parts.database.reading() as session:
        page = await servers.page(session, org_id=caller.org_id, asked=asked)
    granted = [
        server_body(server, healths.of(server.id), parts.site)
        for server in page.rows
        if grants(caller.servers, server.spec.name)
    ]
    return ServerList(servers=granted, **paging(page))


@router.get("/{server}")
async def show(server: InPath, caller: Reader, parts: Parts, healths: Healths) -> OneServer:
    """One server, by id or name."""
    known = await _find(parts, caller, server)
    return OneServer(server=server_body(known, healths.of(known.id), parts.site))


@router.patch("/{server}")
async def change(
    server: InPath, body: ServerChange, caller: Writer, parts: Parts, healths: Healths
) -> OneServer:
    """Changes what is given; gateways follow within a second."""
    known = await _find(parts, caller, server)
    if body.slug not in (None, known.slug):
        slugs.check(body.slug or "")
    spec = await _changed(parts, caller, known, body)
    headers = known.headers
    if body.headers is not None:
        check_headers(body.headers)
        headers = await seal_headers(
            parts.credentials, body.headers, org_id=caller.org_id, server_id=known.id
        )
    async with parts.database.session() as session:
        now = await servers.change(session, known, spec=spec, headers=headers, slug=body.slug or "")
    return OneServer(server=server_body(now, healths.of(now.id), parts.site))


@router.delete("/{server}", status_code=204)
async def remove(server: InPath, caller: Writer, parts: Parts) -> Response:
    """Removes a server; its records stay."""
    known = await _find(parts, caller, server)
    async with parts.database.session() as session:
        await servers.remove(session, org_id=caller.org_id, server_id=known.id)
    return Response(status_code=204)


@router.post("/{server}/test")
async def test(server: InPath, caller: Writer, parts: Parts) -> Tested:
    """Connects, says hello, lists the tools; with the caller's own account where the server wants one."""
    known = await _find(parts, caller, server)
    headers = await open_headers(parts.credentials, known.headers, org_id=known.org_id, server_id=known.id)
    try:
        if known.spec.upstream_auth == USER_OAUTH:
            headers |= await own_header(parts, known, caller.user_id)
        seen = await probe(known.row(), headers, parts.upstream)
    except (UpstreamError, SignInNeeded) as error:
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
    asked = body.model_dump(exclude_none=True, exclude={"headers", "allow_private_network", "slug"})
    spec = msgspec.structs.replace(known.spec, **servers.as_decided(asked))
    _check_upstream(spec, known.headers.names if body.headers is None else body.headers)
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


def _check_upstream(spec: ServerSpec, headers: Iterable[str]) -> None:
    """Raises InvalidInput where users' own accounts could not be told apart, or would be overwritten."""
    if spec.upstream_auth != USER_OAUTH:
        return
    if spec.auth == ANONYMOUS:
        msg = "upstream_auth: user_oauth needs callers that are users; auth none lets in anybody"
        raise InvalidInput(msg)
    if any(name.lower() == "authorization" for name in headers):
        msg = "headers.Authorization: with upstream_auth user_oauth each user's own is sent there"
        raise InvalidInput(msg)


async def _allows_private(parts: ControlParts, caller: Principal, *, url: str, is_asked: bool) -> bool:
    """Whether the server may be at a private address, after checking the one that it has now.

    The local administrator may always; others only where the setting says so, and when they ask.
    A name that does not resolve yet is fine: the gateway checks again at every connection.
    """
    check_url(url)
    if _MASKS.text(url) != url:
        msg = "url: it holds what looks like a secret, and addresses are not kept secret; send it as a header"
        raise InvalidInput(msg)
    check_may_allow(parts, caller, is_asked=is_asked)
    host, port = _host_and_port(url)
    try:
        await resolve(host, port, allows_private=is_asked)
    except AddressUnknown:
        return is_asked
    except AddressRefused as error:
        if caller.is_local_admin and not is_asked:
            return await _allows_private(parts, caller, url=url, is_asked=True)
        raise InvalidInput(
            f"url: {error.detail}{_way_out(may=may_allow(parts, caller), is_asked=is_asked)}", error.reason
        ) from error
    return is_asked


def _way_out(*, may: bool, is_asked: bool) -> str:
    if is_asked:
        return ""
    wish = "; a server in a private network needs allow_private_network: true"
    return wish if may else f"{wish} and the setting {SETTING}"


def _host_and_port(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or _DEFAULT_PORTS[parts.scheme]


def _origin(url: str) -> tuple[Any, ...]:
    return urlsplit(url).scheme, *_host_and_port(url)
