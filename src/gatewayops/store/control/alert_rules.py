"""What organisations decide about alerts: rules, objectives (SLOs) and silences.

Which rules make sense is `alerts.rule`'s to know: callers check before.
"""

from datetime import datetime

import msgspec
from sqlalchemy import func, select

from gatewayops.base import clock
from gatewayops.base.errors import InvalidInput, NotFound
from gatewayops.base.ids import new_id
from gatewayops.store.control import rows
from gatewayops.store.control.alert_tables import AlertDefaults, AlertRule, AlertSilence, AlertSlo
from gatewayops.store.control.database import Session, lock
from gatewayops.store.control.paging import Asked, Page, page_of
from gatewayops.store.control.tables import Organisation

MAX_RULES = 200  # of an organisation: each is looked at every few seconds
_DEFAULTS = 720_575_943


class RuleSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What a person decides about a rule.

    `threshold` is per cent for error_rate and budget_threshold, milliseconds for latency_percentile, a number
    of calls for call_volume, rate_limit_hits and auth_failures, deviations for unusual, and a factor on the
    usual burn rates for slo_burn. `split_by` (server, tool, team) makes an incident of each.
    """

    name: str
    kind: str
    server: str = ""
    tool: str = ""
    team_id: str = ""
    split_by: str = ""
    direction: str = "above"
    measure: str = "calls"  # of unusual: calls or errors
    threshold: float
    percentile: int = 95
    window_s: int = 300
    for_s: int = 0
    min_calls: int = 0
    severity: str = "warning"
    channels: tuple[str, ...] = ()
    slo_id: str = ""
    is_enabled: bool = True


class Rule(msgspec.Struct, frozen=True):
    """A rule that is kept."""

    id: str
    org_id: str
    spec: RuleSpec
    created_at: datetime
    updated_at: datetime


class SloSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A tool's objective; an empty tool means the whole server."""

    name: str
    server: str
    tool: str = ""
    objective_percent: float
    period_days: int


class Slo(msgspec.Struct, frozen=True):
    """An objective that is kept."""

    id: str
    org_id: str
    spec: SloSpec
    created_at: datetime


class SilenceSpec(msgspec.Struct, frozen=True, kw_only=True):
    """Which incidents tell nobody, until when; empty text means any."""

    rule_id: str = ""
    server: str = ""
    tool: str = ""
    severity: str = ""
    until: datetime
    reason: str


class Silence(msgspec.Struct, frozen=True):
    """A silence that is kept."""

    id: str
    spec: SilenceSpec
    made_by: str
    created_at: datetime


async def add(session: Session, *, org_id: str, spec: RuleSpec) -> Rule:
    """Raises Conflict for a name that is taken, InvalidInput when there are too many."""
    count = select(func.count()).select_from(AlertRule).where(AlertRule.org_id == org_id)
    if (await session.scalar(count) or 0) >= MAX_RULES:
        msg = f"an organisation has at most {MAX_RULES} alert rules"
        raise InvalidInput(msg)
    now = clock.now()
    row = AlertRule(id=new_id("arule"), org_id=org_id, created_at=now, updated_at=now, **_columns(spec))
    await rows.add(session, row, taken=f'name: an alert rule "{spec.name}" exists; give another name')
    return rule_of(row)


async def change(session: Session, *, org_id: str, rule_id: str, spec: RuleSpec) -> Rule:
    """Raises NotFound, and Conflict for a name that is taken."""
    row = await _rule_row(session, org_id, rule_id)
    for column, value in _columns(spec).items():
        if getattr(row, column) != value:
            setattr(row, column, value)
            row.updated_at = clock.now()
    await rows.flush(session, taken=f'name: an alert rule "{spec.name}" exists; give another name')
    return rule_of(row)


async def remove(session: Session, *, org_id: str, rule_id: str) -> None:
    """End its incidents before, in the same transaction. Raises NotFound."""
    await session.delete(await _rule_row(session, org_id, rule_id))
    await session.flush()


async def find(session: Session, *, org_id: str, ref: str) -> Rule:
    """By id or name. Raises NotFound."""
    return rule_of(await _rule_row(session, org_id, ref))


async def page(session: Session, *, org_id: str, asked: Asked) -> Page[Rule]:
    """The organisation's rules, newest first."""
    found = await page_of(session, select(AlertRule).where(AlertRule.org_id == org_id), AlertRule, asked)
    return Page(rows=tuple(map(rule_of, found.rows)), cursor=found.cursor)


async def names(session: Session, *, org_id: str) -> set[str]:
    """The names of all rules."""
    return set(await session.scalars(select(AlertRule.name).where(AlertRule.org_id == org_id)))


async def without_defaults(session: Session) -> list[str]:
    """Organisations that were never given the default rules."""
    given = select(AlertDefaults.org_id)
    return list(await session.scalars(select(Organisation.id).where(Organisation.id.not_in(given))))


async def mark_defaults(session: Session, *, org_id: str) -> bool:
    """Whether this transaction is the first to give them; others wait for it."""
    await lock(session, _DEFAULTS)
    if await session.get(AlertDefaults, org_id) is not None:
        return False
    session.add(AlertDefaults(org_id=org_id, created_at=clock.now()))
    await session.flush()
    return True


async def add_slo(session: Session, *, org_id: str, spec: SloSpec) -> Slo:
    """Raises Conflict for a name that is taken."""
    now = clock.now()
    columns = msgspec.structs.asdict(spec)
    row = AlertSlo(id=new_id("slo"), org_id=org_id, created_at=now, updated_at=now, **columns)
    await rows.add(session, row, taken=f'name: an objective "{spec.name}" exists; give another name')
    return _slo(row)


async def change_slo(session: Session, *, org_id: str, slo_id: str, spec: SloSpec) -> Slo:
    """Raises NotFound, and Conflict for a name that is taken."""
    row = await _slo_row(session, org_id, slo_id)
    for column, value in msgspec.structs.asdict(spec).items():
        if getattr(row, column) != value:
            setattr(row, column, value)
            row.updated_at = clock.now()
    await rows.flush(session, taken=f'name: an objective "{spec.name}" exists; give another name')
    return _slo(row)


async def of_slo(session: Session, *, org_id: str, slo_id: str) -> list[Rule]:
    """The rules that watch an objective."""
    query = select(AlertRule).where(AlertRule.org_id == org_id, AlertRule.slo_id == slo_id)
    return [rule_of(row) for row in await session.scalars(query)]


async def remove_slo(session: Session, *, org_id: str, slo_id: str) -> None:
    """Remove the rules that watch it before. Raises NotFound."""
    await session.delete(await _slo_row(session, org_id, slo_id))
    await session.flush()


async def find_slo(session: Session, *, org_id: str, ref: str) -> Slo:
    """By id or name. Raises NotFound."""
    return _slo(await _slo_row(session, org_id, ref))


async def slo_page(session: Session, *, org_id: str, asked: Asked) -> Page[Slo]:
    """The organisation's objectives, newest first."""
    found = await page_of(session, select(AlertSlo).where(AlertSlo.org_id == org_id), AlertSlo, asked)
    return Page(rows=tuple(map(_slo, found.rows)), cursor=found.cursor)


async def add_silence(session: Session, *, org_id: str, spec: SilenceSpec, made_by: str) -> Silence:
    """Raises InvalidInput for an end that is past."""
    if spec.until <= clock.now():
        msg = "until: a moment ahead"
        raise InvalidInput(msg)
    row = AlertSilence(
        id=new_id("silence"),
        org_id=org_id,
        created_at=clock.now(),
        made_by=made_by,
        **msgspec.structs.asdict(spec),
    )
    await rows.add(session, row, taken="the silence exists")
    return _silence(row)


async def remove_silence(session: Session, *, org_id: str, silence_id: str) -> None:
    """Ends it at once. Raises NotFound."""
    query = select(AlertSilence).where(AlertSilence.org_id == org_id, AlertSilence.id == silence_id)
    row = await session.scalar(query)
    if row is None:
        msg = "no silence of that id"
        raise NotFound(msg)
    await session.delete(row)
    await session.flush()


async def silence_page(session: Session, *, org_id: str, asked: Asked) -> Page[Silence]:
    """All that were made, those that ended too, newest first."""
    query = select(AlertSilence).where(AlertSilence.org_id == org_id)
    found = await page_of(session, query, AlertSilence, asked)
    return Page(rows=tuple(map(_silence, found.rows)), cursor=found.cursor)


async def silences_at(session: Session, *, org_id: str, now: datetime) -> list[Silence]:
    """Those that hold."""
    query = select(AlertSilence).where(AlertSilence.org_id == org_id, AlertSilence.until > now)
    return [_silence(row) for row in await session.scalars(query)]


async def _rule_row(session: Session, org_id: str, ref: str) -> AlertRule:
    is_it = (AlertRule.id == ref) | (AlertRule.name == ref)
    row = await session.scalar(select(AlertRule).where(AlertRule.org_id == org_id, is_it).limit(1))
    if row is None:
        msg = "no alert rule of that id or name"
        raise NotFound(msg)
    return row


async def _slo_row(session: Session, org_id: str, ref: str) -> AlertSlo:
    is_it = (AlertSlo.id == ref) | (AlertSlo.name == ref)
    row = await session.scalar(select(AlertSlo).where(AlertSlo.org_id == org_id, is_it).limit(1))
    if row is None:
        msg = "no objective of that id or name"
        raise NotFound(msg)
    return row


def _columns(spec: RuleSpec) -> dict[str, object]:
    columns = msgspec.structs.asdict(spec)
    return columns | {"channels": list(spec.channels), "slo_id": spec.slo_id or None}


def rule_of(row: AlertRule) -> Rule:
    """The plain form of a row."""
    fields = {field: getattr(row, field) for field in RuleSpec.__struct_fields__}
    fields |= {"channels": tuple(row.channels), "slo_id": row.slo_id or ""}
    return Rule(row.id, row.org_id, RuleSpec(**fields), row.created_at, row.updated_at)


def _slo(row: AlertSlo) -> Slo:
    fields = {field: getattr(row, field) for field in SloSpec.__struct_fields__}
    return Slo(row.id, row.org_id, SloSpec(**fields), row.created_at)


def _silence(row: AlertSilence) -> Silence:
    fields = {field: getattr(row, field) for field in SilenceSpec.__struct_fields__}
    return Silence(row.id, SilenceSpec(**fields), row.made_by, row.created_at)
