"""Budgets, their overrides, and the events of thresholds reached. What was spent is the ledger's to say."""

from collections.abc import Iterable
from datetime import date, datetime

import msgspec
from sqlalchemy import bindparam, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from gatewayops.base import clock
from gatewayops.base.errors import InvalidInput, NotFound
from gatewayops.base.ids import new_id
from gatewayops.store import snapshot
from gatewayops.store.control import directory, revision, rows
from gatewayops.store.control.budget_tables import Budget as BudgetTable
from gatewayops.store.control.budget_tables import BudgetEvent as EventTable
from gatewayops.store.control.budget_tables import BudgetOverride as OverrideTable
from gatewayops.store.control.database import Session
from gatewayops.store.control.paging import Asked, Page, page_of
from gatewayops.store.control.tables import ApiKey
from gatewayops.store.control.tables import Team as TeamTable

GRACE_LABEL = "grace"
_UNMARKED = ("", "0", "false", "no", "off")
_OF_ID_OR_NAME = (  # made once: to make a statement anew costs as much as to run it
    select(BudgetTable)
    .where(
        BudgetTable.org_id == bindparam("org_id"),
        or_(BudgetTable.id == bindparam("ref"), BudgetTable.name == bindparam("ref")),
    )
    .limit(1)
)


class BudgetSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What a person decides. `subject` is an id; `grace_keys` are ids, besides those marked by label."""

    name: str
    scope: str
    subject: str
    period: str
    amount_micros: int
    is_hard: bool
    grace_percent: int = 0
    grace_keys: tuple[str, ...] = ()


class Override(msgspec.Struct, frozen=True):
    """More money until a moment, and why."""

    id: str
    budget_id: str
    extra_micros: int
    reason: str
    until: datetime
    made_by: str
    created_at: datetime


class Budget(msgspec.Struct, frozen=True):
    """A budget with its overrides that have not ended when it was read."""

    id: str
    org_id: str
    spec: BudgetSpec
    overrides: tuple[Override, ...]
    created_at: datetime
    updated_at: datetime

    def limit_micros(self, now: datetime) -> int:
        """The amount and what overrides add at that moment."""
        return self.spec.amount_micros + sum(
            override.extra_micros for override in self.overrides if override.until > now
        )


class Event(msgspec.Struct, frozen=True):
    """A threshold that was reached, in per cent of what the budget allowed then."""

    id: str
    budget_id: str
    period_start: date
    threshold: int
    spent_micros: int
    amount_micros: int
    created_at: datetime


async def add(session: Session, *, org_id: str, spec: BudgetSpec) -> Budget:
    """Makes a budget; raises Conflict for a name that is taken."""
    row = BudgetTable(
        id=new_id("budget"), org_id=org_id, updated_at=clock.now(), created_at=clock.now(), **_columns(spec)
    )
    await rows.add(session, row, taken=f'name: a budget "{spec.name}" exists; give another name')
    await revision.bump(session)
    return _budget(row, ())


async def change(session: Session, *, org_id: str, budget_id: str, spec: BudgetSpec) -> Budget:
    """Replaces what a person decides; scope and subject stay what they are. Raises NotFound, Conflict."""
    row = await _row(session, org_id, budget_id)
    for column, value in _columns(spec).items():
        if column not in ("scope", "subject") and getattr(row, column) != value:
            setattr(row, column, value)
            row.updated_at = clock.now()
    await rows.flush(session, taken=f'name: a budget "{spec.name}" exists; give another name')
    await revision.bump(session)
    return _budget(row, await _overrides(session, [row.id]))


async def find(session: Session, *, org_id: str, ref: str) -> Budget:
    """By id or name; raises NotFound."""
    row = await _row(session, org_id, ref)
    return _budget(row, await _overrides(session, [row.id]))


async def page(session: Session, *, org_id: str, asked: Asked) -> Page[Budget]:
    """The organisation's budgets, newest first."""
    found = await page_of(
        session, select(BudgetTable).where(BudgetTable.org_id == org_id), BudgetTable, asked
    )
    overrides = await _overrides(session, [row.id for row in found.rows])
    return Page(rows=tuple(_budget(row, overrides) for row in found.rows), cursor=found.cursor)


async def of_organisations(session: Session, org_ids: Iterable[str]) -> list[Budget]:
    """All budgets of these organisations, for those who watch the spending."""
    found = list(await session.scalars(select(BudgetTable).where(BudgetTable.org_id.in_(tuple(org_ids)))))
    overrides = await _overrides(session, [row.id for row in found])
    return [_budget(row, overrides) for row in found]


async def hard_ones(session: Session) -> list[Budget]:
    """All hard budgets of the installation: what gateways keep accounts of."""
    found = list(await session.scalars(select(BudgetTable).where(BudgetTable.is_hard)))
    overrides = await _overrides(session, [row.id for row in found])
    return [_budget(row, overrides) for row in found]


async def remove(session: Session, *, org_id: str, budget_id: str) -> None:
    """With its overrides and events; what was spent stays in the ledger. Raises NotFound."""
    row = await _row(session, org_id, budget_id)
    for table in (OverrideTable, EventTable):
        for part in await session.scalars(select(table).where(table.budget_id == row.id)):
            await session.delete(part)
    await session.flush()
    await session.delete(row)
    await session.flush()
    await revision.bump(session)


async def add_override(
    session: Session, *, budget: Budget, extra_micros: int, reason: str, until: datetime, made_by: str
) -> Override:
    """More money for a budget until a moment ahead; raises InvalidInput for one behind."""
    if until <= clock.now():
        msg = "until: a moment ahead"
        raise InvalidInput(msg)
    row = OverrideTable(
        id=new_id("override"),
        org_id=budget.org_id,
        created_at=clock.now(),
        budget_id=budget.id,
        extra_micros=extra_micros,
        reason=reason,
        until=until,
        made_by=made_by,
    )
    await rows.add(session, row, taken="the override exists")
    await revision.bump(session)
    return _override(row)


async def remove_override(session: Session, *, org_id: str, budget_id: str, override_id: str) -> None:
    """Ends it at once. Raises NotFound."""
    budget = await _row(session, org_id, budget_id)
    row = await session.get(OverrideTable, override_id)
    if row is None or row.budget_id != budget.id:
        msg = "no override of that id"
        raise NotFound(msg)
    await session.delete(row)
    await session.flush()
    await revision.bump(session)


async def raise_event(
    session: Session, *, budget: Budget, start: date, threshold: int, spent_micros: int
) -> None:
    """Notes that a threshold was reached, once a period. A fact, so beside the unit of work."""
    values = {
        "id": new_id("bevt"),
        "org_id": budget.org_id,
        "created_at": clock.now(),
        "budget_id": budget.id,
        "period_start": start.isoformat(),
        "threshold": threshold,
        "spent_micros": spent_micros,
        "amount_micros": budget.limit_micros(clock.now()),
    }
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    await session.execute(insert(EventTable).values(**values).on_conflict_do_nothing())


async def events(session: Session, *, org_id: str, asked: Asked, budget_id: str = "") -> Page[Event]:
    """Thresholds reached, newest first; of one budget or of all."""
    query = select(EventTable).where(EventTable.org_id == org_id)
    if budget_id:
        query = query.where(EventTable.budget_id == budget_id)
    found = await page_of(session, query, EventTable, asked)
    return Page(rows=tuple(map(_event, found.rows)), cursor=found.cursor)


async def key_id(session: Session, *, org_id: str, ref: str, field: str = "subject") -> str:
    """The id of a key given by id or by its newest prefix; raises InvalidInput that names `field`."""
    is_it = (ApiKey.id == ref) | (ApiKey.prefix == ref)
    found = (await session.scalars(select(ApiKey.id).where(ApiKey.org_id == org_id, is_it).limit(2))).all()
    if len(found) != 1:
        msg = f"{field}: several keys have that prefix" if found else f"{field}: no key of that id or prefix"
        raise InvalidInput(msg)
    return found[0]


async def subject_id(session: Session, *, org_id: str, scope: str, ref: str) -> str:
    """The id of whose spending it is: ids, names, e-mail addresses, prefixes. Raises InvalidInput."""
    if scope != "organization" and not ref:
        msg = f"subject: the {scope} whose spending this bounds"
        raise InvalidInput(msg)
    match scope:
        case "key":
            return await key_id(session, org_id=org_id, ref=ref)
        case "user":
            return (await directory.find_user(session, org_id=org_id, ref=ref, field="subject")).id
        case "team":
            return await directory.team_id(session, org_id=org_id, ref=ref, field="subject")
        case "project":
            return (await directory.find_project(session, org_id=org_id, ref=ref, field="subject")).id
        case _:
            if ref not in ("", org_id):
                msg = "subject: your own organisation only; leave it out"
                raise InvalidInput(msg)
            return org_id


async def team_parents(session: Session, org_ids: Iterable[str]) -> dict[str, str]:
    """The team above each team; empty at the top."""
    found = await session.execute(
        select(TeamTable.id, TeamTable.parent_id).where(TeamTable.org_id.in_(tuple(org_ids)))
    )
    return {team: parent or "" for team, parent in found}


async def snapshot_rows(session: Session) -> tuple[snapshot.BudgetRow, ...]:
    """What gateways must know: the hard budgets."""
    found = await hard_ones(session)
    with_grace = {budget.org_id for budget in found if budget.spec.grace_percent}
    marked = await _marked_keys(session, with_grace)
    return tuple(
        snapshot.BudgetRow(
            id=budget.id,
            org_id=budget.org_id,
            name=budget.spec.name,
            scope=budget.spec.scope,
            subject=budget.spec.subject,
            period=budget.spec.period,
            amount_micros=budget.spec.amount_micros,
            grace_percent=budget.spec.grace_percent,
            grace_keys=(*budget.spec.grace_keys, *marked.get(budget.org_id, ()))
            if budget.spec.grace_percent
            else (),
            overrides=tuple((one.extra_micros, one.until.timestamp()) for one in budget.overrides),
        )
        for budget in found
    )


async def _marked_keys(session: Session, org_ids: Iterable[str]) -> dict[str, list[str]]:
    asked = tuple(org_ids)
    marked: dict[str, list[str]] = {}
    if asked:
        query = select(ApiKey).where(ApiKey.org_id.in_(asked), ApiKey.revoked_at.is_(None))
        for key in await session.scalars(query):
            if key.labels.get(GRACE_LABEL, "").lower() not in _UNMARKED:
                marked.setdefault(key.org_id, []).append(key.id)
    return marked


async def _row(session: Session, org_id: str, ref: str) -> BudgetTable:
    row = await session.scalar(_OF_ID_OR_NAME, {"org_id": org_id, "ref": ref})
    if row is None:
        msg = "no budget of that id or name"
        raise NotFound(msg)
    return row


async def _overrides(session: Session, budget_ids: list[str]) -> tuple[Override, ...]:
    if not budget_ids:
        return ()
    query = (
        select(OverrideTable)
        .where(OverrideTable.budget_id.in_(budget_ids), OverrideTable.until > clock.now())
        .order_by(OverrideTable.created_at, OverrideTable.id)
    )
    return tuple(map(_override, await session.scalars(query)))


def _columns(spec: BudgetSpec) -> dict[str, object]:
    return msgspec.structs.asdict(spec) | {"grace_keys": list(spec.grace_keys)}


def _budget(row: BudgetTable, overrides: Iterable[Override]) -> Budget:
    fields = {field: getattr(row, field) for field in BudgetSpec.__struct_fields__}
    return Budget(
        id=row.id,
        org_id=row.org_id,
        spec=BudgetSpec(**fields | {"grace_keys": tuple(row.grace_keys)}),
        overrides=tuple(override for override in overrides if override.budget_id == row.id),
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _override(row: OverrideTable) -> Override:
    return Override(
        id=row.id,
        budget_id=row.budget_id,
        extra_micros=row.extra_micros,
        reason=row.reason,
        until=row.until,
        made_by=row.made_by,
        created_at=row.created_at,
    )


def _event(row: EventTable) -> Event:
    return Event(
        id=row.id,
        budget_id=row.budget_id,
        period_start=date.fromisoformat(row.period_start),
        threshold=row.threshold,
        spent_micros=row.spent_micros,
        amount_micros=row.amount_micros,
        created_at=row.created_at,
    )
