"""Telemetry: the one way to the telemetry store, embedded or a ClickHouse server.

Connects when first asked, prepares the schema, and turns every failure into ours: Unavailable when
the store is away or overloaded, TelemetryRefused when a statement is wrong. Values are bound, never
pasted into SQL.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from clickhouse_connect.driver.asyncclient import AsyncClient
from clickhouse_connect.driver.exceptions import (
    ClickHouseError,
    DatabaseError,
    DataError,
    InternalError,
    ProgrammingError,
)

from gatewayops.base.errors import GatewayOpsError, Unavailable
from gatewayops.store.telemetry import day_sums, retention, schema
from gatewayops.store.telemetry.arrow import Block, joined, stream
from gatewayops.store.telemetry.remembering import Remembering, age_s

QUERY_TIMEOUT_S = 30
_CONNECT_TIMEOUT_S = 3
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_INSERT_TIMEOUT_S = 120
_DAYS_KNOWN_S = 1.0
_REMEMBERED_S = 60.0
_log = logging.getLogger(__name__)
_NO_TABLE = frozenset({60, 81})
_OVERLOADED = frozenset({159, 160, 202, 241, 307, 396})
_REASONS = {
    159: "the question took too long: narrow the time range",
    160: "the question would take too long: narrow the time range",
    241: "the question needs more memory than the store may use: narrow the time range",
}


class TelemetryRefused(GatewayOpsError):
    """The store refused a statement: a defect of ours, or a schema that somebody changed."""


class _Client(AsyncClient):
    """clickhouse-connect's client, which must not send loopback traffic to a proxy of the environment."""

    async def open(self, *, is_local: bool) -> None:
        """Asks the server for its version and settings."""
        if is_local:
            self._backend.proxy_url = None
        await self._initialize()


class Telemetry:
    """A client for one database. For one event loop."""

    def __init__(
        self, url: str, user: str, password: str, database: str, *, retention_days: int = 30
    ) -> None:
        """Does not connect. `url` is http(s)://host:port."""
        self._url = urlsplit(url)
        self._user = user
        self._password = password
        self.database = database
        self._retention_days = retention_days
        self._client: AsyncClient | None = None
        self._has_schema = False
        self._connecting = asyncio.Lock()
        self._remembered = Remembering(self._ask)

    async def ensure_schema(self) -> None:
        """Creates or brings up to date database and tables. Raises Unavailable while the store is away."""
        await self._ready()

    async def is_ready(self) -> bool:
        """Whether the store answers and has its tables."""
        try:
            await self.rows("SELECT 1 FROM spans LIMIT 0")
        except GatewayOpsError:
            return False
        return True

    async def rows(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """The answer's rows by column name. `sql` names its parameters as {name:Type}; others stay here.

        It may be an earlier answer where the caller allows that (remembering.may_be_old).
        """
        if seconds := age_s():
            return await self._remembered.rows(sql, parameters or {}, seconds=seconds)
        return await self._ask(sql, parameters)

    async def _ask(self, sql: str, parameters: Mapping[str, Any] | None) -> list[dict[str, Any]]:
        client = await self._ready()
        named = {name: value for name, value in (parameters or {}).items() if f"{{{name}:" in sql}
        try:
            settings = {"max_execution_time": QUERY_TIMEOUT_S}
            result = await client.query(sql, parameters=named, settings=settings)
        except _FOREIGN as error:
            raise self._translated(error) from error
        return list(result.named_results())

    async def day_sums(self, start_ns: int, end_ns: int) -> dict[str, list[Any]]:
        """The parameters `builds` and `built`: whole days of the period whose sums count.

        As it was a second ago at most.
        """
        days = await self._remembered.rows(day_sums.standing(), {}, seconds=_DAYS_KNOWN_S)
        inside = [row for row in days if row["build"] and day_sums.is_inside(row["day"], start_ns, end_ns)]
        return {"builds": [row["build"] for row in inside], "built": [row["day"] for row in inside]}

    async def remembered_rows(self, sql: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The same as `rows`, a minute old at most: for questions that take long."""
        return await self._remembered.rows(sql, parameters, seconds=_REMEMBERED_S)

    async def change(self, statements: Sequence[str]) -> None:
        """Runs statements that change tables, in order; our own text, without values of anybody."""
        client = await self._ready()
        try:
            for statement in statements:
                await client.command(statement)
        except _FOREIGN as error:
            raise self._translated(error) from error
        finally:
            self._remembered.forget()  # and not before: who asks meanwhile may be told what was

    async def insert_spans(self, columns: Mapping[str, Sequence[Any]], token: str) -> None:
        """Inserts one batch of the gateway's calls (see schema.SPAN_COLUMNS), as `insert`."""
        await self.insert("spans", schema.SPAN_COLUMNS, columns, token=token)

    async def insert(
        self,
        table: str,
        kinds: Sequence[tuple[str, str]],
        columns: Mapping[str, Sequence[Any]],
        *,
        token: str,
    ) -> None:
        """Inserts one batch with columns of these kinds (see telemetry.arrow); returns when it is stored.

        A second insert under the same `token` with the same rows stores nothing: that is how a batch
        whose answer was lost is sent again.
        """
        block = await asyncio.to_thread(stream, kinds, columns)
        await self._insert(table, kinds, block, token=token)

    async def insert_blocks(
        self, table: str, kinds: Sequence[tuple[str, str]], blocks: Sequence[Block], *, batch: str, token: str
    ) -> None:
        """The same for rows that waited as blocks; `batch` is the name they bear."""
        joint = await asyncio.to_thread(joined, kinds, blocks, batch=batch)
        await self._insert(table, kinds, joint, token=token)

    async def _insert(
        self, table: str, kinds: Sequence[tuple[str, str]], block: bytes, *, token: str
    ) -> None:
        client = await self._ready()
        names = [name for name, _ in kinds]
        settings = {
            "insert_deduplication_token": token,
            "insert_deduplicate": 1,
            "deduplicate_blocks_in_dependent_materialized_views": 1,  # a repeated insert completes them
            "async_insert": 0,
            "max_partitions_per_insert_block": 0,  # a backlog may span many days
        }
        try:
            async with asyncio.timeout(_INSERT_TIMEOUT_S):
                await client.raw_insert(
                    table, names, insert_block=block, settings=settings, fmt="ArrowStream"
                )
        except _FOREIGN as error:
            raise self._translated(error) from error

    async def batch_span_ids(self, token: str, *, first_ns: int, last_ns: int) -> set[str]:
        """The spans stored of a batch, among those that began between the two moments."""
        return await self.batch_ids("spans", "span_id", token, first_ns=first_ns, last_ns=last_ns)

    async def batch_ids(
        self, table: str, column: str, batch: str, *, first_ns: int, last_ns: int
    ) -> set[str]:
        """The ids stored of a batch, among the rows between the two moments; `column` has the ids."""
        found = await self.rows(
            f"SELECT {column} AS id FROM {table} WHERE batch = {{batch:String}} "  # noqa: S608 - names of ours
            "AND ts >= fromUnixTimestamp64Nano({first:Int64}, 'UTC') "
            "AND ts <= fromUnixTimestamp64Nano({last:Int64}, 'UTC')",
            {"batch": batch, "first": first_ns, "last": last_ns},
        )
        return {row["id"] for row in found}

    async def close(self) -> None:
        """Closes the connections; asking again opens new ones."""
        client, self._client, self._has_schema = self._client, None, False
        if client is not None:
            await client.close()

    async def _ready(self) -> AsyncClient:
        if self._client is not None and self._has_schema:
            return self._client
        async with self._connecting:
            try:
                if self._client is None:
                    self._client = await self._connect()
                if not self._has_schema:
                    await self._prepare(self._client)
                    self._has_schema = True
            except _FOREIGN as error:
                raise self._translated(error) from error
            return self._client

    async def _connect(self) -> AsyncClient:
        host = self._url.hostname or "127.0.0.1"
        client = _Client(
            interface=self._url.scheme or "http",
            host=host,
            port=self._url.port or (8443 if self._url.scheme == "https" else 8123),
            username=self._user,
            password=self._password,
            compress=self._url.scheme == "https",  # on loopback it only costs
            connect_timeout=_CONNECT_TIMEOUT_S,
            send_receive_timeout=_INSERT_TIMEOUT_S,
            autogenerate_session_id=False,  # sessions would forbid parallel questions
            show_clickhouse_errors="scrub",
            query_retries=0,
        )
        await client.open(is_local=host in _LOOPBACK)
        return client

    async def _prepare(self, client: AsyncClient) -> None:
        for statement in schema.create_database(self.database):
            await client.command(statement, use_database=False)
        client.database = self.database
        await client.command(schema.create_versions())
        found = next(iter((await client.query(schema.applied())).named_results()))
        newest, days = int(found["newest"]), int(found["days"])
        has_new_tables = newest < schema.VERSIONS[-1].number
        is_as_set_before = newest > 0 and days == self._retention_days
        kept = await self._spans_days(client) if is_as_set_before else self._retention_days
        for version in schema.VERSIONS:
            if version.number > newest:
                await self._apply(client, version)
                newest, days = version.number, schema.FIRST_RETENTION_DAYS if newest == 0 else days
                await client.command(schema.remember(), parameters={"number": newest, "days": days})
        if days != self._retention_days or has_new_tables:
            for statement in (*schema.set_retention(kept), *schema.FOLLOW_RETENTION):
                await client.command(statement)
            told = {"number": newest, "days": self._retention_days}
            await client.command(schema.remember(), parameters=told)

    async def _spans_days(self, client: AsyncClient) -> int:
        """What holds now: whoever changed it while we ran did so past the settings."""
        [table] = (await client.query(retention.TABLE)).named_results()
        return retention.of_ddl(table["ddl"]).spans_days or self._retention_days

    async def _apply(self, client: AsyncClient, version: schema.Version) -> None:
        is_old = bool(version.old and (await client.query(version.old)).row_count)
        for statement in (*(version.remove_old if is_old else ()), *version.statements):
            await client.command(statement)
        for table, fill in version.fill.items():
            for row in (await client.query(schema.days_of(table))).named_results():
                await client.command(fill, parameters={"day": row["day"]})

    def _translated(self, error: BaseException) -> GatewayOpsError:
        code = error.code if isinstance(error, DatabaseError) else None
        if code in _NO_TABLE:
            self._has_schema = False  # the store was emptied; the next question prepares it anew
            return Unavailable("the telemetry store is being prepared; try again")
        if code in _OVERLOADED:
            return Unavailable(_REASONS.get(code or 0, "the telemetry store is overloaded; try again"))
        if code is None and not isinstance(error, _OURS):
            return Unavailable("the telemetry store is not reachable; calls are still recorded")
        # the code only: ClickHouse quotes values in its messages
        _log.error("the telemetry store refused a statement: ClickHouse error %s", code)
        return TelemetryRefused(f"the telemetry store refused a statement (ClickHouse error {code})")


_OURS = (ProgrammingError, DataError, InternalError)  # raised before anything was sent
_FOREIGN = (ClickHouseError, aiohttp.ClientError, OSError, TimeoutError)
