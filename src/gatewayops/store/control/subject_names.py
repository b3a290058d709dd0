"""What teams, projects, people and keys are called, by id, for lists and reports that name many of them."""

from collections.abc import Collection

from sqlalchemy import String, bindparam, select, union_all

from gatewayops.store.control.database import Session
from gatewayops.store.control.tables import ApiKey, Project, Team, User

_ORG, _IDS = bindparam("org_id", type_=String), bindparam("ids", type_=String, expanding=True)
_NAMES = union_all(  # made once: to make a statement anew costs as much as to run it
    *(
        select(table.id, column).where(table.org_id == _ORG, table.id.in_(_IDS))
        for table, column in (
            (Team, Team.name),
            (Project, Project.name),
            (User, User.email),
            (ApiKey, ApiKey.name),
        )
    )
)


async def names(session: Session, *, org_id: str) -> dict[str, str]:
    """The names of all the organisation's teams and projects by their ids."""
    found: dict[str, str] = {}
    for table in (Team, Project):
        rows = await session.execute(select(table.id, table.name).where(table.org_id == org_id))
        found |= {row.id: row.name for row in rows}
    return found


async def names_of(session: Session, *, org_id: str, ids: Collection[str]) -> dict[str, str]:
    """What these teams, projects, users (by e-mail address) and keys are called; others are left out."""
    rows = await session.execute(_NAMES, {"org_id": org_id, "ids": list(ids)})
    return {row[0]: row[1] for row in rows}
