"""MCP servers: what the gateway connects to. Header values come sealed and stay sealed here."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import or_, select

from gatewayops.base import clock
from gatewayops.base.errors import Conflict, NotFound, Reason
from gatewayops.base.ids import new_id
from gatewayops.store.control import revision, rows, slugs
from gatewayops.store.control.database import Session
from gatewayops.store.control.paging import Asked, Page, page_of
from gatewayops.store.control.tables import McpServer
from gatewayops.store.snapshot import API_KEY, Resilience, ServerRow

_UNKNOWN = "no server of that id or name"


class ServerSpec(Resilience, frozen=True):
    """What people decide about a server."""

    name: str
    url: str
    timeout_s: float
    connect_timeout_s: float
    retries: int
    max_in_flight: int
    allows_private: bool
    auth: str = API_KEY
    oauth_scopes: tuple[str, ...] = ()
    allows_sign_up: bool = False  # end users may make themselves an account
    offers_password: bool = True  # end users sign in with e-mail and password
    requires_verified_email: bool = True  # of end users who come with a password
    upstream_auth: str = "none"  # or user_oauth
    upstream_scopes: tuple[str, ...] = ()  # asked for at the server's authorization server; empty: its own
    allowed_origins: tuple[str, ...] = ()  # of pages that may call; `*` for any


_FOR_GATEWAYS = tuple(field for field in ServerSpec.__struct_fields__ if field in ServerRow.__struct_fields__)


class Headers(msgspec.Struct, frozen=True):
    """Headers sent to the server: the names to show, the values sealed for this server's id."""

    names: tuple[str, ...] = ()
    sealed: bytes = b""


class Server(msgspec.Struct, frozen=True):
    """A registered server."""

    id: str
    org_id: str
    slug: str
    spec: ServerSpec
    headers: Headers
    created_at: datetime
    updated_at: datetime

    def row(self) -> ServerRow:
        """As the gateway knows it."""
        settings = {field: getattr(self.spec, field) for field in _FOR_GATEWAYS}
        return ServerRow(
            id=self.id, org_id=self.org_id, sealed_headers=self.headers.sealed, slug=self.slug, **settings
        )


def as_decided(values: Mapping[str, Any]) -> dict[str, Any]:
    """Columns or fields of a body as ServerSpec has them: its lists are tuples."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}


def new_server_id() -> str:
    """An id for a server to be added: its headers are sealed under it before it exists."""
    return new_id("srv")


async def add(
    session: Session, *, org_id: str, server_id: str, spec: ServerSpec, headers: Headers, slug: str = ""
) -> Server:
    """Without a slug it gets a free one. Raises Conflict when the name or the slug is taken."""
    await slugs.check_name(session, org_id=org_id, server_id=server_id, name=spec.name)
    if slug:
        await slugs.claim(session, org_id=org_id, server_id=server_id, slug=slug)
    else:
        slug = await slugs.free(session, org_id=org_id, name=spec.name)
    row = McpServer(id=server_id, org_id=org_id, slug=slug)
    _write(row, spec, headers)
    await rows.add(session, row, taken=f"name: a server {spec.name} exists")
    await revision.bump(session)
    return _server(row)


async def change(
    session: Session, known: Server, *, spec: ServerSpec, headers: Headers, slug: str = ""
) -> Server:
    """Replaces what is decided about a server, when it still is as `known`. Raises NotFound, Conflict.

    Another slug is another address: tokens for the one before are no good there.
    """
    query = select(McpServer).where(McpServer.org_id == known.org_id, McpServer.id == known.id)
    row = await session.scalar(query.with_for_update())
    if row is None:
        raise NotFound(_UNKNOWN, Reason.SERVER_UNKNOWN)
    if row.updated_at != known.updated_at:
        msg = "the server was changed meanwhile; look at it again"
        raise Conflict(msg)
    if spec.name != row.name:
        await slugs.check_name(session, org_id=row.org_id, server_id=row.id, name=spec.name)
    if slug not in ("", row.slug):
        await slugs.claim(session, org_id=row.org_id, server_id=row.id, slug=slug)
        row.slug = slug
    _write(row, spec, headers)
    row.updated_at = clock.now()
    await rows.flush(session, taken=f"name: a server {spec.name} exists")
    await revision.bump(session)
    return _server(row)


async def remove(session: Session, *, org_id: str, server_id: str) -> None:
    """Raises NotFound."""
    await session.delete(await _row(session, org_id, server_id))
    await revision.bump(session)


async def find(session: Session, *, org_id: str, ref: str) -> Server:
    """By id or name; raises NotFound."""
    return _server(await _row(session, org_id, ref))


async def every(session: Session) -> tuple[ServerRow, ...]:
    """Of all organisations, for gateways."""
    return tuple(_server(row).row() for row in await session.scalars(select(McpServer)))


async def page(session: Session, *, org_id: str, asked: Asked) -> Page[Server]:
    """The organisation's servers, newest first."""
    found = await page_of(session, select(McpServer).where(McpServer.org_id == org_id), McpServer, asked)
    return Page(rows=tuple(map(_server, found.rows)), cursor=found.cursor)


async def _row(session: Session, org_id: str, ref: str) -> McpServer:
    is_it = or_(McpServer.id == ref, McpServer.name == ref)  # names hold no `_`, ids do
    row = await session.scalar(select(McpServer).where(McpServer.org_id == org_id, is_it))
    if row is None:
        raise NotFound(_UNKNOWN, Reason.SERVER_UNKNOWN)
    return row


def _write(row: McpServer, spec: ServerSpec, headers: Headers) -> None:
    for column, value in msgspec.structs.asdict(spec).items():
        setattr(row, column, list(value) if isinstance(value, tuple) else value)
    row.header_names = list(headers.names)
    row.sealed_headers = headers.sealed


def _server(row: McpServer) -> Server:
    decided = {field: getattr(row, field) for field in ServerSpec.__struct_fields__}
    return Server(
        id=row.id,
        org_id=row.org_id,
        slug=row.slug,
        spec=ServerSpec(**as_decided(decided)),
        headers=Headers(names=tuple(row.header_names), sealed=row.sealed_headers),
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
