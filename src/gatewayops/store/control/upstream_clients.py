"""Us as an OAuth client at the authorization servers of MCP servers behind. Secrets come and stay sealed."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import select

from gatewayops.base.errors import NotFound
from gatewayops.base.ids import new_id
from gatewayops.store.control import rows
from gatewayops.store.control.database import Session
from gatewayops.store.control.upstream_account_tables import UpstreamClient as ClientTable

GIVEN, DYNAMIC, DOCUMENT = "given", "dynamic", "document"


class UpstreamClient(msgspec.Struct, frozen=True, kw_only=True):
    """A client. `sealed_secret` opens bound to `bound_to()`; empty for a client without one."""

    id: str
    org_id: str
    server_id: str
    issuer: str
    kind: str
    client_id: str
    auth_method: str
    redirect_uri: str = ""
    sealed_secret: bytes = b""

    def bound_to(self) -> bytes:
        """What its secret is bound to."""
        return binding(self.org_id, self.id)


def binding(org_id: str, client_ref: str) -> bytes:
    """The additional data under which a client's secret is sealed."""
    return f"upstream-client:{org_id}:{client_ref}".encode()


def new_client_id() -> str:
    """Our own id of a client to be kept: its secret is sealed under it before."""
    return new_id("uc")


async def put(session: Session, client: UpstreamClient) -> None:
    """Keeps it, in place of what was known under its id. Raises Conflict when another came first."""
    row = await session.scalar(
        select(ClientTable).where(ClientTable.org_id == client.org_id, ClientTable.id == client.id)
    )
    if row is None:
        row = ClientTable(id=client.id, org_id=client.org_id)
        session.add(row)
    for name, value in msgspec.structs.asdict(client).items():
        setattr(row, name, value)
    await rows.flush(session, taken="another registration at this issuer came first; try again")


async def lost(session: Session, *, org_id: str, ref: str) -> None:
    """The authorization server no longer knows us by this: where we registered ourselves, we do so anew."""
    row = await session.scalar(
        select(ClientTable).where(
            ClientTable.org_id == org_id, ClientTable.id == ref, ClientTable.kind == DYNAMIC
        )
    )
    if row is not None:
        row.client_id = ""
        await session.flush()


async def of_issuer(session: Session, *, org_id: str, server_id: str, issuer: str) -> UpstreamClient | None:
    """The one for this authorization server."""
    row = await session.scalar(
        select(ClientTable).where(
            ClientTable.org_id == org_id, ClientTable.server_id == server_id, ClientTable.issuer == issuer
        )
    )
    return None if row is None else _client(row)


async def by_ref(session: Session, *, org_id: str, ref: str) -> UpstreamClient:
    """By our own id. Raises NotFound."""
    row = await session.scalar(select(ClientTable).where(ClientTable.org_id == org_id, ClientTable.id == ref))
    if row is None:
        msg = "no client of that id"
        raise NotFound(msg)
    return _client(row)


async def of_server(session: Session, *, org_id: str, server_id: str) -> Sequence[UpstreamClient]:
    """All of a server: seldom more than one."""
    query = select(ClientTable).where(ClientTable.org_id == org_id, ClientTable.server_id == server_id)
    return [_client(row) for row in await session.scalars(query.order_by(ClientTable.id))]


async def forget(session: Session, *, org_id: str, server_id: str, issuer: str) -> bool:
    """Takes the client of this issuer away, with the accounts that were connected by it."""
    row = await session.scalar(
        select(ClientTable).where(
            ClientTable.org_id == org_id, ClientTable.server_id == server_id, ClientTable.issuer == issuer
        )
    )
    if row is None:
        return False
    await session.delete(row)
    await session.flush()
    return True


def _client(row: ClientTable) -> UpstreamClient:
    return UpstreamClient(**{name: getattr(row, name) for name in UpstreamClient.__struct_fields__})
