"""What the questions need of the telemetry store."""

from collections.abc import Mapping
from typing import Any, Protocol


class SpanReader(Protocol):
    """The reading half of store.telemetry.client.Telemetry; tests have a fake."""

    async def rows(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """The answer's rows by column name. Raises Unavailable while the store is away."""


class SumReader(SpanReader, Protocol):
    """The same for questions about whole days, whose past ones are summed up (store.telemetry.day_sums)."""

    async def day_sums(self, start_ns: int, end_ns: int) -> dict[str, list[Any]]:
        """The parameters that say which days' sums count. Raises Unavailable."""

    async def remembered_rows(self, sql: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        """As `rows`, a minute old at most."""


async def with_sums(
    telemetry: SumReader, values: Mapping[str, Any], *, since_first: bool = False
) -> dict[str, Any]:
    """The values of a question about `start` to `end`, and the sums'; `since_first`: of all up to `end`."""
    start_ns = 0 if since_first else values["start"]
    return {**values, **await telemetry.day_sums(start_ns, values["end"])}
