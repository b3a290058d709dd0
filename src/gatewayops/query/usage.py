"""Usage of API keys: what each did, as far back as calls are retained."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from gatewayops.query.asking import SumReader, with_sums
from gatewayops.store.telemetry import cost_sql

_ALL_NS = 4_102_444_800 * 10**9  # 2100: whatever clocks say


@dataclass(frozen=True, slots=True)
class KeyUsage:
    """What a key did. A key that was never used has zeros and None."""

    calls: int = 0
    errors: int = 0
    cost_micros: int = 0
    last_used_at: datetime | None = None


async def key_usage(telemetry: SumReader, *, org_id: str, key_ids: Sequence[str]) -> dict[str, KeyUsage]:
    """Usage of every key asked for, by its id."""
    usage = dict.fromkeys(key_ids, KeyUsage())
    if not usage:
        return usage
    asked = {"org": org_id, "end": _ALL_NS, "keys": list(key_ids)}
    values = await with_sums(telemetry, asked, since_first=True)
    for row in await telemetry.rows(cost_sql.key_usage(), values):
        usage[row["key_id"]] = KeyUsage(
            calls=row["calls"],
            errors=row["errors"],
            cost_micros=row["total_micros"],
            last_used_at=datetime.fromtimestamp(row["used_ns"] / 1e9, UTC),
        )
    return usage
