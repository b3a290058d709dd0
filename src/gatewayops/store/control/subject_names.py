"""What teams and projects are called, by id, for reports that name many of them."""

from sqlalchemy import select

from gatewayops.store.control.database import Session
from gatewayops.store.control.tables import Project, Team


async def names(session: Session, *, org_id: str) -> dict[str, str]:
    """The names of all the organisation's teams and projects by their ids."""
    found: dict[str, str] = {}
    for table in (Team, Project):
        rows = await session.execute(select(table.id, table.name).where(table.org_id == org_id))
        found |= {row.id: row.name for row in rows}
    return found
