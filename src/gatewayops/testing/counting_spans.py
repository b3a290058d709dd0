"""CountingSpans: a telemetry store that only counts what it is given, and fails when told to."""

from collections.abc import Mapping, Sequence
from typing import Any

from gatewayops.base.errors import Unavailable

_DDL = "CREATE TABLE spans () ENGINE = MergeTree TTL toDateTime(ts) + toIntervalDay(30)"


class CountingSpans:
    """What demo data needs of store.telemetry.client.Telemetry."""

    def __init__(self) -> None:
        """Empty, and at work."""
        self.envs: set[str] = set()
        self.is_away = False
        self.stored = 0

    async def ensure_schema(self) -> None:
        """Is there."""

    async def rows(self, sql: str, _parameters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """The DDL of spans, or how many there are."""
        return [
            {"ddl": _DDL} if "create_table_query" in sql else {"calls": self.stored, "spans": self.stored}
        ]

    async def insert_spans(self, columns: Mapping[str, Sequence[Any]], _token: str) -> None:
        """Raises Unavailable while it is away."""
        if self.is_away:
            msg = "the telemetry store is not reachable"
            raise Unavailable(msg)
        self.stored += len(columns["ts"])
        self.envs |= set(columns["env"])

    async def insert(
        self, _table: str, _kinds: object, columns: Mapping[str, Sequence[Any]], *, token: str
    ) -> None:
        """Exported spans, which it does not count."""
        del token
        self.envs |= set(columns["env"])

    async def change(self, _statements: Sequence[str]) -> None:
        """Takes all out."""
        self.stored = 0
