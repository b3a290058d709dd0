"""The bookkeeper: writes what calls cost from the spool into the ledger, exactly once; runs in control.

The place in the spool moves on in the same transaction. Thresholds that a batch reaches become events there.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from gatewayops.cost.budgets import standing
from gatewayops.record.call_record import CallRecord
from gatewayops.record.consumers import Step
from gatewayops.store.control import budgets, ledger, spool_positions
from gatewayops.store.control.budgets import Budget
from gatewayops.store.control.database import Database, Session
from gatewayops.store.control.ledger import Charge

_NS = 1_000_000_000


class Bookkeeper:
    """A SpoolConsumer (record/consumers.py)."""

    name = standing.CONSUMER

    def __init__(self, database: Database) -> None:
        """Of this control store."""
        self._database = database

    async def offsets(self) -> dict[str, int]:
        """How far the ledger has come."""
        async with self._database.reading() as session:
            return await spool_positions.offsets(session, self.name)

    async def take(self, records: Sequence[CallRecord], step: Step) -> None:
        """Entries, events and positions, all or none. Raises Unavailable, PositionMoved."""
        charges = [(charge_of(record), record.cost_micros) for record in records if record.cost_micros > 0]
        async with self._database.session() as session:
            await spool_positions.advance(session, self.name, step)
            await ledger.add(session, charges)
            await standing.raise_thresholds(session, await _touched(session, charges))


def charge_of(record: CallRecord) -> Charge:
    """A call counts for the UTC day on which it began."""
    day = datetime.fromtimestamp(record.ts_ns // _NS, UTC).date()
    return Charge(
        org_id=record.org_id,
        day=day.isoformat(),
        key_id=record.key_id,
        user_id=record.user_id,
        team_id=record.team_id,
        project_id=record.project_id,
        server=record.server,
        tool=record.tool,
    )


async def _touched(session: Session, charges: Iterable[tuple[Charge, int]]) -> list[Budget]:
    """The budgets that these charges count against."""
    kept = {charge for charge, _ in charges}
    org_ids = {charge.org_id for charge in kept}
    if not org_ids:
        return []
    found = await budgets.of_organisations(session, org_ids)
    if not found:
        return []
    parents = await budgets.team_parents(session, org_ids)
    subjects: set[str] = set()
    for charge in kept:
        subjects |= {charge.org_id, charge.key_id, charge.user_id, charge.project_id}
        subjects.update(standing.lineage(charge.team_id, parents))
    return [budget for budget in found if budget.spec.subject in subjects]
