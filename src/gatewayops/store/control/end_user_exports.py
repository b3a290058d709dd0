"""An organisation's end users, with identities, sessions, consents and clients, page by page for an export.

Rows are plain values by the names of their columns. Each page sees one moment of the store; of servers that
are not given nothing is told.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Select, inspect, select

from gatewayops.store.control.database import Session
from gatewayops.store.control.end_users import is_live
from gatewayops.store.control.oauth_servers import PROTECTED
from gatewayops.store.control.oauth_tables import EndUser, EndUserSession, OAuthClient, OAuthConsent
from gatewayops.store.control.paging import MAX_LIMIT, Asked, Page, page_of
from gatewayops.store.control.sign_in_tables import EndUserIdentity
from gatewayops.store.control.tables import McpServer, OwnedTable

Row = dict[str, Any]
_MOMENTS = ("created_at", "used_at", "expires_at")
COLUMNS = {
    "end_users": ("id", "email", "name", "enabled", "email_verified", "created_at", "signed_in_at"),
    "identities": ("id", "end_user_id", "email", "issuer", "subject", "created_at", "used_at"),
    "sessions": ("id", "end_user_id", "email", "server", "address", "user_agent", *_MOMENTS),
    "consents": ("id", "end_user_id", "email", "server", "client_id", "client_name", "scopes", "created_at"),
    "clients": (
        *("id", "server", "client_id", "kind", "name", "redirect_uris", "auth_method"),
        *("grant_types", "scopes", "enabled", "created_at"),
    ),
}


class Export(msgspec.Struct, frozen=True):
    """What is exported, one of COLUMNS; `servers` are the names by id of those that it may be about."""

    kind: str
    org_id: str
    servers: Mapping[str, str]

    async def page(self, session: Session, cursor: str) -> Page[Row]:
        """The rows behind the cursor, newest first."""
        query, table = self._rows()
        found = await page_of(session, query, table, Asked(limit=MAX_LIMIT, cursor=cursor))
        people = await self._named(session, EndUser, {getattr(row, "end_user_id", "") for row in found.rows})
        clients = await self._named(
            session, OAuthClient, {getattr(row, "client_ref", "") for row in found.rows}
        )
        rows = tuple(self._row(row, people, clients) for row in found.rows)
        return Page(rows=rows, cursor=found.cursor)

    def _rows(self) -> tuple[Select[Any], type[Any]]:
        here: dict[str, tuple[type[Any], tuple[ColumnElement[bool], ...]]] = {
            "end_users": (EndUser, ()),
            "identities": (EndUserIdentity, ()),
            "sessions": (EndUserSession, (EndUserSession.server_id.in_(self.servers), *is_live())),
            "consents": (OAuthConsent, (OAuthConsent.server_id.in_(self.servers),)),
            "clients": (OAuthClient, (OAuthClient.server_id.in_(self.servers),)),
        }
        table, needs = here[self.kind]
        return select(table).where(table.org_id == self.org_id, *needs), table

    async def _named(self, session: Session, table: type[Any], ids: set[str]) -> dict[str, Any]:
        ids = ids - {""}
        if not ids:
            return {}
        query = select(table).where(table.org_id == self.org_id, table.id.in_(ids))
        return {row.id: row for row in await session.scalars(query)}

    def _row(self, row: OwnedTable, people: dict[str, Any], clients: dict[str, Any]) -> Row:
        """Of the row's own columns, those of whom and what it refers to, and what follows from them."""
        client = clients.get(getattr(row, "client_ref", ""))
        person = people.get(getattr(row, "end_user_id", ""))
        told = {column.key: getattr(row, column.key) for column in inspect(type(row)).columns}
        told["server"] = self.servers.get(told.get("server_id", ""), "")
        told["enabled"] = told.get("disabled_at") is None
        told["email_verified"] = told.get("email_verified_at") is not None
        told["scopes"] = told.get("scope", "").split()
        if person is not None:
            told["email"] = person.email
        if client is not None:
            told |= {"client_id": client.client_id, "client_name": client.name}
        return {name: told[name] for name in COLUMNS[self.kind]}


async def servers(session: Session, *, org_id: str) -> dict[str, str]:
    """The names, by id, of all servers of the organisation that people sign in to."""
    query = select(McpServer.id, McpServer.name).where(
        McpServer.org_id == org_id, McpServer.auth == PROTECTED
    )
    return {row.id: row.name for row in await session.execute(query)}
