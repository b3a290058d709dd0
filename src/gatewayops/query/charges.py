"""Charges: a period's costs by day, team, project, user, server and tool, a day at a time.

Their sum is what the ledger says, to the micro-dollar.
"""

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, date, datetime, time, timedelta

from gatewayops.cost.focus import Charge
from gatewayops.query.asking import SumReader, with_sums
from gatewayops.query.costs import figures
from gatewayops.store.telemetry import cost_sql

_SECOND_NS = 10**9


async def days_with_calls(telemetry: SumReader, *, org_id: str, start_ns: int, end_ns: int) -> list[date]:
    """The days of the period that have charges, in order. Raises Unavailable."""
    values = {"org": org_id, "start": start_ns, "end": end_ns}
    rows = await telemetry.rows(cost_sql.days_with_calls(), await with_sums(telemetry, values))
    return [date.fromisoformat(row["day_name"]) for row in rows]


async def charges(
    telemetry: SumReader, *, org_id: str, days: list[date], names: Mapping[str, str]
) -> AsyncIterator[list[Charge]]:
    """The charges of each of the days; `names` of teams and projects by id. Raises Unavailable midway."""
    for day in days:
        values = {"org": org_id, "start": _ns(day), "end": _ns(day + timedelta(days=1))}
        found = []
        for row in await telemetry.rows(cost_sql.charges(), await with_sums(telemetry, values)):
            amounts = figures(row)
            found.append(
                Charge(
                    day=day,
                    team_id=row["team_id"],
                    team=names.get(row["team_id"], ""),
                    project_id=row["project_id"],
                    project=names.get(row["project_id"], ""),
                    user_id=row["user_id"],
                    server=row["server"],
                    tool=row["tool"],
                    calls=amounts.calls,
                    errors=amounts.errors,
                    input_tokens=amounts.input_tokens,
                    output_tokens=amounts.output_tokens,
                    cost_micros=amounts.cost_micros,
                )
            )
        yield found


def _ns(day: date) -> int:
    return int(datetime.combine(day, time(), UTC).timestamp()) * _SECOND_NS
