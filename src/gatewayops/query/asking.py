"""What the questions need of the telemetry store."""

from collections.abc import Mapping
from typing import Any, Protocol


class SpanReader(Protocol):
    """The reading half of store.telemetry.client.Telemetry; tests have a fake."""

    async def rows(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """The answer's rows by column name. Raises Unavailable while the store is away."""


class SumReader(SpanReader, Protocol):
    """The same for questions about whole days, whose past ones are summed up (store.telemetry.day_sums)."""

    async def day_sums(self) -> dict[str, list[Any]]:
        """The parameters that say which days' sums count. Raises Unavailable."""
