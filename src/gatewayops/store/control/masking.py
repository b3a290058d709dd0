"""How organisations have their records masked: switched classes and rules of their own.

Which classes there are and what a rule may say is `record.masking`'s to know: callers check before.
"""

from collections.abc import Iterable
from typing import TypeVar

from sqlalchemy import func, select

from gatewayops.base.errors import InvalidInput, NotFound
from gatewayops.base.ids import new_id
from gatewayops.store import snapshot
from gatewayops.store.control import revision
from gatewayops.store.control.database import Session
from gatewayops.store.control.masking_tables import MaskingRule, MaskingSwitch
from gatewayops.store.control.rows import add
from gatewayops.store.control.tables import Organisation
from gatewayops.store.snapshot import MaskingRow

Row = TypeVar("Row", MaskingSwitch, MaskingRule)

_TAKEN = "another change of these rules came first"


async def of(session: Session, *, org_id: str) -> MaskingRow:
    """What the organisation decided; empty where the defaults hold."""
    switches = await session.scalars(select(MaskingSwitch).where(MaskingSwitch.org_id == org_id))
    rules = await session.scalars(select(MaskingRule).where(MaskingRule.org_id == org_id))
    return _row(org_id, switches.all(), rules.all())


async def rows(session: Session) -> tuple[MaskingRow, ...]:
    """All organisations that differ from the defaults, for gateways."""
    switches = _by_org(await session.scalars(select(MaskingSwitch)))
    rules = _by_org(await session.scalars(select(MaskingRule)))
    return tuple(
        _row(org_id, switches.get(org_id, []), rules.get(org_id, [])) for org_id in {**switches, **rules}
    )


async def replace(session: Session, wanted: MaskingRow) -> MaskingRow:
    """Makes the organisation's switches and rules exactly these. Raises Conflict."""
    org_id = wanted.org_id
    await _alone(session, org_id)
    states = {**dict.fromkeys(wanted.switched_on, True), **dict.fromkeys(wanted.switched_off, False)}
    for known in await session.scalars(select(MaskingSwitch).where(MaskingSwitch.org_id == org_id)):
        if known.class_name not in states:
            await session.delete(known)
    for name, is_on in states.items():
        await _switch(session, org_id=org_id, name=name, is_on=is_on)
    names = {rule.name for rule in wanted.rules}
    for rule in await session.scalars(select(MaskingRule).where(MaskingRule.org_id == org_id)):
        if rule.name not in names:
            await session.delete(rule)
    for rule_wanted in wanted.rules:
        await _put(session, org_id=org_id, rule=rule_wanted)
    await session.flush()
    await revision.bump(session)
    return await of(session, org_id=org_id)


async def switch(session: Session, *, org_id: str, states: dict[str, bool | None]) -> MaskingRow:
    """Switches classes; None goes back to the default. Raises Conflict."""
    await _alone(session, org_id)
    for name, is_on in states.items():
        await _switch(session, org_id=org_id, name=name, is_on=is_on)
    await session.flush()
    await revision.bump(session)
    return await of(session, org_id=org_id)


async def put_rule(session: Session, *, org_id: str, rule: snapshot.MaskingRule, most: int) -> None:
    """Makes the rule of this name, or replaces it. Raises InvalidInput over `most` rules, Conflict."""
    await _alone(session, org_id)
    await _put(session, org_id=org_id, rule=rule)
    count = select(func.count()).select_from(MaskingRule).where(MaskingRule.org_id == org_id)
    if (await session.scalar(count) or 0) > most:
        msg = f"rules: at most {most}"
        raise InvalidInput(msg)
    await revision.bump(session)


async def remove_rule(session: Session, *, org_id: str, name: str) -> None:
    """Raises NotFound."""
    row = await _rule(session, org_id, name)
    if row is None:
        msg = "no masking rule of that name"
        raise NotFound(msg)
    await session.delete(row)
    await revision.bump(session)


async def _alone(session: Session, org_id: str) -> None:
    """Changes of one organisation's masking come one after the other, also where no row is there to lock."""
    await session.execute(select(Organisation.id).where(Organisation.id == org_id).with_for_update())


async def _put(session: Session, *, org_id: str, rule: snapshot.MaskingRule) -> None:
    row = await _rule(session, org_id, rule.name)
    if row is None:
        row = MaskingRule(
            id=new_id("mask"), org_id=org_id, name=rule.name, kind=rule.kind, pattern=rule.pattern
        )
        await add(session, row, taken=_TAKEN)
    else:
        row.kind, row.pattern = rule.kind, rule.pattern


async def _rule(session: Session, org_id: str, name: str) -> MaskingRule | None:
    query = select(MaskingRule).where(MaskingRule.org_id == org_id, MaskingRule.name == name)
    return await session.scalar(query)


async def _switch(session: Session, *, org_id: str, name: str, is_on: bool | None) -> None:
    query = select(MaskingSwitch).where(MaskingSwitch.org_id == org_id, MaskingSwitch.class_name == name)
    row = await session.scalar(query)
    if row is None:
        if is_on is not None:
            made = MaskingSwitch(id=new_id("mask"), org_id=org_id, class_name=name, is_on=is_on)
            await add(session, made, taken=_TAKEN)
    elif is_on is None:
        await session.delete(row)
    else:
        row.is_on = is_on


def _by_org(found: Iterable[Row]) -> dict[str, list[Row]]:
    by_org: dict[str, list[Row]] = {}
    for row in found:
        by_org.setdefault(row.org_id, []).append(row)
    return by_org


def _row(org_id: str, switches: Iterable[MaskingSwitch], rules: Iterable[MaskingRule]) -> MaskingRow:
    """Sorted by name, so that a row that did not change equals the one before."""
    on = {row.class_name: row.is_on for row in switches}
    found = sorted(rules, key=lambda row: row.name)
    return MaskingRow(
        org_id=org_id,
        switched_on=tuple(sorted(name for name, is_on in on.items() if is_on)),
        switched_off=tuple(sorted(name for name, is_on in on.items() if not is_on)),
        rules=tuple(snapshot.MaskingRule(name=row.name, kind=row.kind, pattern=row.pattern) for row in found),
    )
