"""What teams, projects, people and keys are called, for reports that know only their ids."""

import asyncio

from gatewayops.web.asking import if_allowed
from gatewayops.web.rest import Json
from gatewayops.web.visit import Visit

_MOST = 200
_LISTS = {
    "team": ("/v1/teams", "teams", "name"),
    "project": ("/v1/projects", "projects", "name"),
    "user": ("/v1/users", "users", "email"),
    "key": ("/v1/auth/keys", "keys", "name"),
}


async def names(visit: Visit, *kinds: str) -> dict[str, str]:
    """By id, of the newest 200 of each of `kinds` (team, project, user, key) that this person may list."""
    known = [_LISTS[kind] for kind in kinds if kind in _LISTS]
    answers = await asyncio.gather(*(if_allowed(visit.rest.get(path, limit=_MOST)) for path, _, _ in known))
    found: dict[str, str] = {}
    for (_, rows, field), answer in zip(known, answers, strict=True):
        found |= {row["id"]: _called(row, field) for row in (answer[rows] if answer else ())}
    return found


def _called(row: Json, field: str) -> str:
    return str(row[field] or row["id"])
