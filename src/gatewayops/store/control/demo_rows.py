"""What demo data needs of the control store besides the functions that make rows: names taken, and removal.

Rows are removed through the unit of work, so that the audit log tells it; what hangs on them goes with them.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

from sqlalchemy import delete, func, or_, select, update

from gatewayops.store.control import ledger, revision, rows
from gatewayops.store.control.access_tables import AccessPolicy
from gatewayops.store.control.alert_tables import AlertChannel, AlertIncident, AlertRule, AlertSlo, AlertWatch
from gatewayops.store.control.budget_tables import Budget, BudgetEvent
from gatewayops.store.control.database import Session
from gatewayops.store.control.limit_tables import LimitRule
from gatewayops.store.control.oauth_tables import EndUser, OAuthClient
from gatewayops.store.control.pin_tables import ToolCatalogue
from gatewayops.store.control.tables import ApiKey, McpServer, OwnedTable, PriceRule, Project, Team, User

# In this order, so that nothing goes before what refers to it.
_TABLES: tuple[type[OwnedTable], ...] = (
    *(AlertRule, AlertSlo, Budget, LimitRule, AccessPolicy, PriceRule, ApiKey),
    *(EndUser, OAuthClient, McpServer, User, Project, Team),
)
_STILL_USED = "something that is not of the demo refers to it (a key, a user, a project): move that first"


async def names_taken(session: Session, *, org_id: str) -> dict[str, frozenset[str]]:
    """By table, of those whose names are unique in the organisation."""
    tables: tuple[type[Team | Project | McpServer | Budget | AlertRule | AlertSlo], ...]
    tables = (Team, Project, McpServer, Budget, AlertRule, AlertSlo)
    return {
        table.__tablename__: frozenset(
            await session.scalars(select(table.name).where(table.org_id == org_id))
        )
        for table in tables
    }


async def told_or_stopped(session: Session, *, org_id: str) -> tuple[int, int]:
    """How many alert channels there are, and how many hard budgets of the whole organisation."""
    channels = select(func.count()).select_from(AlertChannel).where(AlertChannel.org_id == org_id)
    is_one = Budget.org_id == org_id, Budget.scope == "organization", Budget.is_hard
    budgets = select(func.count()).select_from(Budget).where(*is_one)
    return await session.scalar(channels) or 0, await session.scalar(budgets) or 0


async def never_ask(session: Session, *, org_id: str, server_ids: Iterable[str], until: datetime) -> None:
    """Servers that exist nowhere need not be asked for their tools."""
    which = ToolCatalogue.org_id == org_id, ToolCatalogue.server_id.in_(tuple(server_ids))
    quiet = update(ToolCatalogue).where(*which).values(ask_at=until, failure=None)
    await session.execute(quiet.execution_options(synchronize_session=False))


async def remove(session: Session, *, org_id: str, ids: Mapping[str, Iterable[str]]) -> dict[str, int]:
    """How many rows went, by table. Raises Conflict when something else refers to one of them."""
    gone: dict[str, int] = {}
    for table in _TABLES:
        wanted = tuple(ids.get(table.__tablename__, ()))
        which = table.org_id == org_id, table.id.in_(wanted)
        found = list(await session.scalars(select(table).where(*which).order_by(table.created_at.desc())))
        if table is Budget:
            await session.execute(delete(BudgetEvent).where(BudgetEvent.budget_id.in_(wanted)))
        await _delete(session, found)
        if found:
            gone[table.__tablename__] = len(found)
    await revision.bump(session)
    return gone


async def _delete(session: Session, found: list[OwnedTable]) -> None:
    """Teams one by one, for they refer to each other: the newest first."""
    for row in found:
        await session.delete(row)
        if isinstance(row, Team):
            await rows.flush(session, taken=f'the team "{row.name}" is still used: {_STILL_USED}')
    await rows.flush(session, taken=f"{found[0].__tablename__ if found else ''}: {_STILL_USED}")


async def remove_facts(
    session: Session,
    *,
    org_id: str,
    key_ids: Iterable[str],
    rule_ids: Iterable[str],
    incidents: Mapping[str, list[str]],
) -> tuple[int, int]:
    """Ledger entries of these keys, and incidents of these rules or about these `server`s and `subject`s.

    Facts, so beside the unit of work; how many of each went.
    """
    await _forget_standings(session, org_id, incidents)
    entries = await ledger.remove(session, org_id=org_id, key_ids=key_ids)
    is_demo = or_(
        AlertIncident.rule_id.in_(tuple(rule_ids)),
        AlertIncident.server.in_(tuple(incidents.get("server", ()))),
        AlertIncident.subject.in_(tuple(incidents.get("subject", ()))),
    )
    of_demo = AlertIncident.org_id == org_id, is_demo
    count = await session.scalar(select(func.count()).select_from(AlertIncident).where(*of_demo)) or 0
    await session.execute(
        delete(AlertIncident).where(*of_demo), execution_options={"synchronize_session": False}
    )
    return entries, count


async def _forget_standings(session: Session, org_id: str, about: Mapping[str, list[str]]) -> None:
    """The installation's own rules forget what they found of the demo, also in a look that is under way."""
    query = select(AlertWatch).where(AlertWatch.org_id == org_id).with_for_update()
    for watch in await session.scalars(query):
        kept = {
            key: state
            for key, state in watch.states.items()
            if not any(state["group"][name] in texts for name, texts in about.items())
        }
        if len(kept) < len(watch.states):
            forgetting = update(AlertWatch).where(AlertWatch.rule_id == watch.rule_id)
            await session.execute(
                forgetting.values(states=kept, turn=AlertWatch.turn + 1).execution_options(
                    synchronize_session=False
                )
            )
