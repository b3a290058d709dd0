"""The ledger: what was spent, by day and by whom, in micro-dollars; written from the spool exactly once.

Written in statements of their own, beside the unit of work: entries are facts, no configuration, and the
audit log has the calls themselves. Days are ISO dates in UTC. What each subject spent a day is summed in the
same transaction: budgets are looked at every second, and a month has tens of thousands of entries.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from operator import itemgetter
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import ColumnElement, case, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite

from gatewayops.store.control.budget_tables import LedgerEntry, LedgerSum
from gatewayops.store.control.database import Session

_TEXT = 255
_MOST_MICROS = 1 << 50  # a thousand million dollars a call: sums of what is dearer would not fit
_KEY = ("org_id", "day", "key_id", "user_id", "team_id", "project_id", "server", "tool")
ORGANIZATION = "organization"
_SUBJECTS = {  # the column of each scope
    ORGANIZATION: "org_id",
    "key": "key_id",
    "user": "user_id",
    "team": "team_id",
    "project": "project_id",
}
_WHO = (LedgerSum.org_id, LedgerSum.scope, LedgerSum.subject)
_SUM_KEY = ("scope", "subject", "day", "org_id")
_AT_ONCE = 5_000  # subjects; a statement has 32,766 values at most
_PAST = {"synchronize_session": False}


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


class Spender(NamedTuple):
    """A subject: `scope` as budgets name it; for the organisation `id` is its own."""

    org_id: str
    scope: str
    id: str


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
    entries = [
        msgspec.structs.asdict(kept) | {"calls": calls[kept], "cost_micros": costs[kept]} for kept in costs
    ]
    await _add_up(session, LedgerEntry, _KEY, entries)
    await _add_sums(session, costs)


async def remove(session: Session, *, org_id: str, key_ids: Iterable[str]) -> int:
    """As if these keys had never spent anything; how many entries went."""
    which = LedgerEntry.org_id == org_id, LedgerEntry.key_id.in_(tuple(key_ids))
    columns = [getattr(LedgerEntry, name) for name in (*_KEY, "cost_micros")]
    removing = delete(LedgerEntry).where(*which).returning(*columns)
    gone = (await session.execute(removing, execution_options=_PAST)).all()
    await _add_sums(session, {Charge(*key): -micros for *key, micros in gone})
    nothing = delete(LedgerSum).where(LedgerSum.org_id == org_id, LedgerSum.cost_micros == 0)
    await session.execute(nothing, execution_options=_PAST)
    return len(gone)


async def spent(
    session: Session, asked: Iterable[Spender], *, since: tuple[date, ...]
) -> dict[Spender, tuple[int, ...]]:
    """Micro-dollars of each since each of the days; who has spent nothing is not in it."""
    sums = [
        func.sum(case((LedgerSum.day >= day.isoformat(), LedgerSum.cost_micros), else_=0)) for day in since
    ]
    found: dict[Spender, tuple[int, ...]] = {}
    for which in _places(asked, min(since)):
        query = select(*_WHO, *sums).where(*which).group_by(*_WHO)
        for org_id, scope, subject, *micros in await session.execute(query):
            found[Spender(org_id, scope, subject)] = tuple(map(int, micros))
    return found


async def days(session: Session, asked: Iterable[Spender], *, since: date) -> dict[Spender, dict[date, int]]:
    """Micro-dollars a day of each from `since` on."""
    found: dict[Spender, dict[date, int]] = {}
    for which in _places(asked, since):
        query = select(*_WHO, LedgerSum.day, LedgerSum.cost_micros).where(*which)
        for org_id, scope, subject, day, micros in await session.execute(query):
            found.setdefault(Spender(org_id, scope, subject), {})[date.fromisoformat(day)] = micros
    return found


async def by_day(session: Session, *, org_id: str, since: date) -> dict[date, int]:
    """Micro-dollars a day of the whole organisation from `since` on."""
    whole = Spender(org_id, ORGANIZATION, org_id)
    return (await days(session, [whole], since=since)).get(whole, {})


def _places(asked: Iterable[Spender], since: date) -> Iterator[tuple[ColumnElement[bool], ...]]:
    """Where the sums of these are, some thousands of a scope at once: so each is found by the index."""
    by_scope: dict[str, set[str]] = {}
    org_ids = set()
    for one in asked:
        by_scope.setdefault(one.scope, set()).add(one.id)
        org_ids.add(one.org_id)
    for scope, several in by_scope.items():
        ids = list(several)
        for start in range(0, len(ids), _AT_ONCE):
            yield (
                LedgerSum.scope == scope,
                LedgerSum.subject.in_(ids[start : start + _AT_ONCE]),
                LedgerSum.org_id.in_(org_ids),
                LedgerSum.day >= since.isoformat(),
            )


async def _add_sums(session: Session, costs: Mapping[Charge, int]) -> None:
    sums: Counter[tuple[str, ...]] = Counter()
    for charge, micros in costs.items():
        for scope, column in _SUBJECTS.items():
            if subject := getattr(charge, column):
                sums[scope, subject, charge.day, charge.org_id] += micros
    rows = [dict(zip(_SUM_KEY, key, strict=True)) | {"cost_micros": micros} for key, micros in sums.items()]
    await _add_up(session, LedgerSum, _SUM_KEY, rows)


async def _add_up(
    session: Session, table: type[LedgerEntry | LedgerSum], key: tuple[str, ...], rows: list[dict[str, Any]]
) -> None:
    """Rows that are there already rise; in one order always, so that two writers never cross."""
    if not rows:
        return
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    statement = insert(table.metadata.tables[table.__tablename__])
    rising = [name for name in rows[0] if name not in key]
    adding = statement.on_conflict_do_update(
        index_elements=key,
        set_={name: getattr(table, name) + statement.excluded[name] for name in rising},
    )
    await session.execute(adding, sorted(rows, key=itemgetter(*key)))


def _fitting(charge: Charge) -> Charge:
    """As the columns take it: PostgreSQL refuses NUL and what is too long."""
    server, tool = (text.replace("\0", "")[:_TEXT] for text in (charge.server, charge.tool))
    if server == charge.server and tool == charge.tool:
        return charge
    return msgspec.structs.replace(charge, server=server, tool=tool)
