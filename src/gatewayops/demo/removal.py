"""Removes what was seeded, by its marks: calls, ledger entries, incidents, rows of the control store."""

from pathlib import Path

import msgspec

from gatewayops.base.errors import NotFound
from gatewayops.demo import marks as marks_file
from gatewayops.demo.calls import ENV
from gatewayops.store import origin
from gatewayops.store.audit_entry import Actor
from gatewayops.store.control import demo_rows
from gatewayops.store.control.database import Database
from gatewayops.store.origin import Origin
from gatewayops.store.telemetry import removal_sql
from gatewayops.store.telemetry.client import Telemetry


class Removed(msgspec.Struct, frozen=True):
    """How many of what are gone."""

    calls: int
    ledger_entries: int
    incidents: int
    objects: dict[str, int]


async def remove(database: Database, telemetry: Telemetry, path: Path) -> Removed:
    """All of it, or an error that says why not; it may be asked for again then.

    Raises NotFound when nothing was seeded, Conflict when something else refers to what was, Unavailable.
    """
    marks = marks_file.read(path)
    if marks is None:
        msg = "there is no demo data here; `gatewayops demo seed` makes some"
        raise NotFound(msg)
    calls, spans = await _count(telemetry, marks.callers)  # asked first: nothing goes while the store is away
    with origin.kept():
        origin.enter(Origin(Actor("admin")))
        async with database.session() as session:
            gone = await demo_rows.remove(session, org_id=marks.org_id, ids=marks.rows)
            entries, incidents = await demo_rows.remove_facts(
                session,
                org_id=marks.org_id,
                key_ids=marks.callers,
                rule_ids=marks.rows.get("alert_rules", ()),
                incidents=marks.incidents,
            )
    if spans:
        await telemetry.change(removal_sql.remove(env=ENV, key_ids=marks.callers))
    marks_file.forget(path)
    return Removed(calls, entries, incidents, gone)


async def _count(telemetry: Telemetry, key_ids: list[str]) -> tuple[int, int]:
    if not key_ids:
        return 0, 0
    [found] = await telemetry.rows(removal_sql.count(env=ENV, key_ids=key_ids))
    return int(found["calls"]), int(found["spans"])
