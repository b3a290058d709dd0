"""`/v1/connections`: users' own accounts at MCP servers; `/v1/servers/{server}/upstream-client`: us there."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal

from fastapi import Depends, Request, Response
from pydantic import Field

from gatewayops.api import account_sign_in, account_tokens
from gatewayops.api.auth import check_action, principal_for
from gatewayops.api.late_routes import LateRouter
from gatewayops.api.parts import ControlParts, Parts
from gatewayops.api.shapes import Body, InPath, LateShape, Listed, PageAsked, Ref, paging
from gatewayops.base.errors import Forbidden, InvalidInput, NotFound, Reason
from gatewayops.identity.principal import Principal, grants
from gatewayops.store.control import directory, servers, upstream_accounts, upstream_clients
from gatewayops.store.control.servers import Server
from gatewayops.store.control.upstream_accounts import Named
from gatewayops.store.control.upstream_clients import GIVEN, UpstreamClient
from gatewayops.upstream.address import check_url

router = LateRouter(prefix="/v1", tags=["Connections"])

Own = Annotated[Principal, Depends(principal_for("connections.own"))]
OwnOrReader = Annotated[Principal, Depends(principal_for("connections.own", "connections.read"))]
OwnOrWriter = Annotated[Principal, Depends(principal_for("connections.own", "connections.write"))]
ServerReader = Annotated[Principal, Depends(principal_for("servers.read"))]
ServerWriter = Annotated[Principal, Depends(principal_for("servers.write"))]

Issuer = Annotated[str, Field(max_length=2048, pattern=r"^[\x21-\x7e]+$")]
Secret = Annotated[str, Field(max_length=2048, json_schema_extra={"format": "password"})]


class ConnectionBody(LateShape):
    """A user's account at a server. `state` is connected or needs_sign_in; `failure` says why.

    It may also say why a token could not be renewed yet. `expires_at` is when the token of now ends: it is
    renewed before that.
    """

    id: str
    server: str
    user_id: str
    email: str
    state: Literal["connected", "needs_sign_in"]
    failure: str
    issuer: str
    scope: str
    connected_at: datetime
    renewed_at: datetime | None
    expires_at: datetime | None


class ConnectionList(Listed):
    """A page of connections."""

    connections: list[ConnectionBody]


class OwnConnection(LateShape):
    """The caller's account at a server, if they are a user and have one, and the page to connect it."""

    connection: ConnectionBody | None
    sign_in_url: str


class Removed(LateShape):
    """`is_revoked`: the authorization server was told too (RFC 7009), and took it."""

    is_revoked: bool


class NewUpstreamClient(Body):
    """How we were registered by hand at an authorization server, named by its issuer exactly."""

    issuer: Issuer
    client_id: Annotated[str, Field(min_length=1, max_length=2048, pattern=r"^[\x20-\x7e]+$")]
    client_secret: Secret = ""
    auth_method: Literal["client_secret_basic", "client_secret_post", "none"] | None = None


class UpstreamClientBody(LateShape):
    """Us at an authorization server: given by hand, registered (dynamic), or known by our document."""

    issuer: str
    kind: str
    client_id: str
    auth_method: str
    has_secret: bool


class UpstreamClients(LateShape):
    """All of a server, and what to register where: seldom more than one."""

    upstream_clients: list[UpstreamClientBody]
    redirect_uri: str


@router.post("/servers/{server}/connection")
async def connect(server: InPath, caller: Own, parts: Parts) -> OwnConnection:
    """Where a user connects an account of theirs: an address to open in the browser, signed in."""
    return await _own(parts, caller, server)


@router.get("/servers/{server}/connection")
async def own(server: InPath, caller: Own, parts: Parts) -> OwnConnection:
    """The caller's account at the server."""
    return await _own(parts, caller, server)


@router.get("/connections")
async def list_connections(
    request: Request, caller: OwnOrReader, parts: Parts, asked: PageAsked, user: Ref = ""
) -> ConnectionList:
    """One's own, newest first; of `user` (id or e-mail address), or `*` for all, with connections.read.

    A caller who is no user sees everybody's.
    """
    if user or not caller.user_id:
        await check_action(request, caller, "connections.read")
    async with parts.database.reading() as session:
        whose = "" if user == "*" else caller.user_id
        if user not in ("", "*"):
            whose = (await directory.find_user(session, org_id=caller.org_id, ref=user)).id
        page = await upstream_accounts.page(session, org_id=caller.org_id, user_id=whose, asked=asked)
    return ConnectionList(connections=[_body(row) for row in page.rows], **paging(page))


@router.delete("/connections/{connection}")
async def remove(request: Request, connection: InPath, caller: OwnOrWriter, parts: Parts) -> Removed:
    """Ends it: gateways forget the token within a second, then the authorization server is told."""
    async with parts.database.reading() as session:
        known = await upstream_accounts.find(session, org_id=caller.org_id, account_id=connection)
    if not caller.user_id or known.account.user_id != caller.user_id:
        await check_action(request, caller, "connections.write")
    async with parts.database.session() as session:
        await upstream_accounts.remove(session, known.account)
    return Removed(is_revoked=await account_tokens.revoke(parts, known.account))


@router.get("/servers/{server}/upstream-client")
async def list_clients(server: InPath, caller: ServerReader, parts: Parts) -> UpstreamClients:
    """As what we are known where the server's users sign in."""
    known = await _find(parts, caller, server)
    async with parts.database.reading() as session:
        found = await upstream_clients.of_server(session, org_id=caller.org_id, server_id=known.id)
    return _clients(parts, found)


@router.put("/servers/{server}/upstream-client")
async def give_client(
    server: InPath, body: NewUpstreamClient, caller: ServerWriter, parts: Parts
) -> UpstreamClients:
    """Tells how we were registered by hand; it is used at this issuer and nowhere else."""
    known = await _find(parts, caller, server)
    check_url(body.issuer, field="issuer")
    method = body.auth_method or ("client_secret_basic" if body.client_secret else "none")
    if bool(body.client_secret) != (method != "none"):
        msg = "client_secret: needed by this auth_method, or not taken by it"
        raise InvalidInput(msg)
    async with parts.database.reading() as session:
        before = await upstream_clients.of_issuer(
            session, org_id=caller.org_id, server_id=known.id, issuer=body.issuer
        )
    ref = before.id if before is not None else upstream_clients.new_client_id()
    secret = await account_sign_in.seal_secret(parts, body.client_secret, org_id=caller.org_id, ref=ref)
    client = UpstreamClient(
        id=ref,
        org_id=caller.org_id,
        server_id=known.id,
        issuer=body.issuer,
        kind=GIVEN,
        client_id=body.client_id,
        auth_method=method,
        sealed_secret=secret,
    )
    async with parts.database.session() as session:
        await upstream_clients.put(session, client)
        found = await upstream_clients.of_server(session, org_id=caller.org_id, server_id=known.id)
    return _clients(parts, found)


@router.delete("/servers/{server}/upstream-client", status_code=204)
async def remove_client(server: InPath, caller: ServerWriter, parts: Parts, issuer: Issuer) -> Response:
    """Forgets us there; accounts that were connected through it are gone too."""
    known = await _find(parts, caller, server)
    async with parts.database.session() as session:
        is_gone = await upstream_clients.forget(
            session, org_id=caller.org_id, server_id=known.id, issuer=issuer
        )
    if not is_gone:
        msg = "no client is known for this issuer"
        raise NotFound(msg)
    return Response(status_code=204)


async def _own(parts: ControlParts, caller: Principal, ref: str) -> OwnConnection:
    server = await _find(parts, caller, ref)
    account_sign_in.check_takes_accounts(server)
    found = None
    if caller.user_id:
        async with parts.database.reading() as session:
            found = await upstream_accounts.of_user(
                session, org_id=caller.org_id, server_id=server.id, user_id=caller.user_id
            )
    return OwnConnection(
        connection=None if found is None else _body(found),
        sign_in_url=account_sign_in.page_address(parts, server.spec.name),
    )


async def _find(parts: ControlParts, caller: Principal, ref: str) -> Server:
    async with parts.database.reading() as session:
        server = await servers.find(session, org_id=caller.org_id, ref=ref)
    if not grants(caller.servers, server.spec.name):
        msg = f"your key does not cover the server {server.spec.name}"
        raise Forbidden(msg, Reason.SERVER_NOT_GRANTED)
    return server


def _body(found: Named) -> ConnectionBody:
    known = found.account
    return ConnectionBody(
        id=known.id,
        server=found.server,
        user_id=known.user_id,
        email=found.email,
        state="connected" if known.state == upstream_accounts.CONNECTED else "needs_sign_in",
        failure=known.failure,
        issuer=known.place.issuer,
        scope=known.scope,
        connected_at=known.connected_at,
        renewed_at=known.renewed_at,
        expires_at=known.expires_at,
    )


def _clients(parts: ControlParts, found: Sequence[UpstreamClient]) -> UpstreamClients:
    return UpstreamClients(
        upstream_clients=[
            UpstreamClientBody(
                issuer=one.issuer,
                kind=one.kind,
                client_id=one.client_id,
                auth_method=one.auth_method,
                has_secret=bool(one.sealed_secret),
            )
            for one in found
        ],
        redirect_uri=account_sign_in.redirect_uri(parts),
    )
