"""How long telemetry is kept, by class: read from the tables as they are, changed while they are in use.

Spans live as long as their table's TTL says; what was sent and answered (the payloads) may go earlier, by
the TTL of its columns. Both hold for the whole installation: organisations share the tables.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

from gatewayops.store.telemetry.schema import FOLLOW_RETENTION, set_retention

TABLE = (
    "SELECT create_table_query AS ddl FROM system.tables "
    "WHERE database = currentDatabase() AND name = 'spans'"
)
"""One row (ddl), for `of_ddl`."""
_DAYS = re.compile(r"toIntervalDay\((\d+)\)")
_PAYLOADS = ("request_body", "response_body")
_LATER = "SETTINGS materialize_ttl_after_modify = 0"


class TelemetryStore(Protocol):
    """The part of telemetry.client.Telemetry that this needs; tests have a fake."""

    async def rows(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """The answer's rows."""

    async def change(self, statements: Sequence[str]) -> None:
        """Runs statements in order."""


class Retention(msgspec.Struct, frozen=True):
    """Whole days; payloads are kept at most as long as their spans."""

    spans_days: int
    payloads_days: int


async def current(telemetry: TelemetryStore) -> Retention:
    """What the tables say."""
    [table] = await telemetry.rows(TABLE)
    return of_ddl(table["ddl"])


async def change(telemetry: TelemetryStore, wanted: Retention) -> None:
    """Sets both; what is over by now goes within hours, in whole days."""
    statements = [*set_retention(wanted.spans_days)]
    for column in _PAYLOADS:
        ttl = f"MODIFY COLUMN {column} TTL toDateTime(ts) + toIntervalDay({wanted.payloads_days})"
        statements.append(f"ALTER TABLE spans {ttl} {_LATER}")
    await telemetry.change([*statements, *FOLLOW_RETENTION])


def of_ddl(ddl: str) -> Retention:
    """The TTLs of the table's DDL: of the columns, then of the table, which stands behind its keys."""
    columns, _, table = ddl.partition("ENGINE =")
    spans = _DAYS.search(table)
    payloads = _DAYS.search(columns)
    spans_days = int(spans.group(1)) if spans else 0
    return Retention(spans_days, min(int(payloads.group(1)), spans_days) if payloads else spans_days)
