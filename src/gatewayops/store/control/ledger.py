"""The ledger: what was spent, by day and by whom, in micro-dollars; written from the spool exactly once.

Written in statements of their own, beside the unit of work: entries are facts, no configuration, and the
audit log has the calls themselves. Days are ISO dates in UTC.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import date

import msgspec
from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.dialects import postgresql, sqlite

from gatewayops.store.control.budget_tables import LedgerEntry
from gatewayops.store.control.database import Session

_TEXT = 255
_MOST_MICROS = 1 << 50  # a thousand million dollars a call: sums of what is dearer would not fit
_KEY = ("org_id", "day", "key_id", "user_id", "team_id", "project_id", "server", "tool")


class Charge(msgspec.Struct, frozen=True):
    """What a call cost; hashable, `micros` apart."""

    org_id: str
    day: str
    key_id: str
    user_id: str
    team_id: str
    project_id: str
    server: str
    tool: str


class Usage(msgspec.Struct, frozen=True):
    """What one combination of subjects spent since each of the days asked for."""

    org_id: str
    key_id: str
    user_id: str
    team_id: str
    project_id: str
    spent_micros: tuple[int, ...]


async def add(session: Session, charges: Iterable[tuple[Charge, int]]) -> None:
    """Adds charges and what they cost in micro-dollars. In the transaction that moves the position on."""
    calls: Counter[Charge] = Counter()
    costs: Counter[Charge] = Counter()
    for charge, micros in charges:
        kept = _fitting(charge)
        calls[kept] += 1
        costs[kept] += min(micros, _MOST_MICROS)
    if not costs:
        return
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    statement = insert(LedgerEntry.metadata.tables[LedgerEntry.__tablename__])
    adding = statement.on_conflict_do_update(
        index_elements=_KEY,
        set_={
            "calls": LedgerEntry.calls + statement.excluded.calls,
            "cost_micros": LedgerEntry.cost_micros + statement.excluded.cost_micros,
        },
    )
    in_order = sorted(costs, key=msgspec.structs.astuple)  # always the same, so that two writers never cross
    await session.execute(
        adding,
        [
            msgspec.structs.asdict(kept) | {"calls": calls[kept], "cost_micros": costs[kept]}
            for kept in in_order
        ],
    )


async def usage(session: Session, *, since: tuple[date, ...], org_ids: Iterable[str]) -> list[Usage]:
    """What everybody of these organisations spent since each of the days. No day, nothing."""
    asked = tuple(org_ids)
    if not since or not asked:
        return []
    sums = [
        func.sum(case((LedgerEntry.day >= day.isoformat(), LedgerEntry.cost_micros), else_=0))
        for day in since
    ]
    who = (
        LedgerEntry.org_id,
        LedgerEntry.key_id,
        LedgerEntry.user_id,
        LedgerEntry.team_id,
        LedgerEntry.project_id,
    )
    query = (
        select(*who, *sums)
        .where(LedgerEntry.org_id.in_(asked), LedgerEntry.day >= min(since).isoformat())
        .group_by(*who)
    )
    found = await session.execute(query)
    return [
        Usage(org_id, key_id, user_id, team_id, project_id, tuple(map(int, sums_found)))
        for org_id, key_id, user_id, team_id, project_id, *sums_found in found
    ]


async def by_day(
    session: Session, *, org_id: str, since: date, subject: tuple[str, tuple[str, ...]] | None = None
) -> dict[date, int]:
    """Micro-dollars a day from `since` on, of the whole organisation or of a subject: a column, and ids."""
    where: list[ColumnElement[bool]] = [LedgerEntry.org_id == org_id, LedgerEntry.day >= since.isoformat()]
    if subject is not None:
        column, ids = subject
        where.append(getattr(LedgerEntry, column).in_(ids))
    query = select(LedgerEntry.day, func.sum(LedgerEntry.cost_micros)).where(*where).group_by(LedgerEntry.day)
    return {date.fromisoformat(day): int(micros) for day, micros in await session.execute(query)}


def _fitting(charge: Charge) -> Charge:
    """As the columns take it: PostgreSQL refuses NUL and what is too long."""
    server, tool = (text.replace("\0", "")[:_TEXT] for text in (charge.server, charge.tool))
    if server == charge.server and tool == charge.tool:
        return charge
    return msgspec.structs.replace(charge, server=server, tool=tool)
