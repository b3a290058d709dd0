"""Proves that the ledger says what the recorded calls say: micro-dollars a day, from both stores.

Calls of the last second or two may be in one and not yet in the other: ask again before believing
a difference.
"""

import asyncio
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from gatewayops.query.asking import SumReader
from gatewayops.query.costs import cost_report
from gatewayops.store.control import ledger
from gatewayops.store.control.database import Database

_SECOND_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class ProvenDay:
    """What both say of one UTC day."""

    day: date
    ledger_micros: int
    recorded_micros: int

    @property
    def difference_micros(self) -> int:
        """Above zero where the ledger has more."""
        return self.ledger_micros - self.recorded_micros


async def prove(
    database: Database, telemetry: SumReader, *, org_id: str, first: date, last: date
) -> list[ProvenDay]:
    """Every day on which either has something, in order; both ends are included. Raises Unavailable."""
    entered, report = await asyncio.gather(
        _entered(database, org_id, first),
        cost_report(
            telemetry,
            org_id=org_id,
            start_ns=_ns(first),
            end_ns=_ns(last + timedelta(days=1)),
            group_by="day",
        ),
    )
    recorded = {date.fromisoformat(group.name): group.figures.cost_micros for group in report.groups}
    days = sorted(day for day in {*entered, *recorded} if first <= day <= last)
    return [ProvenDay(day, entered.get(day, 0), recorded.get(day, 0)) for day in days]


async def _entered(database: Database, org_id: str, since: date) -> dict[date, int]:
    async with database.reading() as session:
        return await ledger.by_day(session, org_id=org_id, since=since)


def _ns(day: date) -> int:
    return int(datetime.combine(day, time(), UTC).timestamp()) * _SECOND_NS
