"""What the ids that rows and reports name are called: people by e-mail address, all else by name."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from gatewayops.web.asking import choices_of, if_allowed
from gatewayops.web.rest import Json
from gatewayops.web.visit import Visit

FIELDS = ("user_id", "team_id", "project_id", "key_id")
_MOST_IDS = 400
_LISTS = {
    "team": ("/v1/teams", "teams", "name"),
    "project": ("/v1/projects", "projects", "name"),
    "user": ("/v1/users", "users", "email"),
    "key": ("/v1/auth/keys", "keys", "name"),
}


async def names_in(visit: Visit, rows: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """By id; ids of whom nobody knows, or whom this person may not know, stand for themselves."""
    return await names_of(visit, {row[field] for row in rows for field in FIELDS if row.get(field)})


async def names_of(visit: Visit, ids: Iterable[str]) -> dict[str, str]:
    """The same of these ids."""
    asked = sorted(set(ids))[:_MOST_IDS]
    if not asked or not visit.may("directory.read"):
        return {}
    found = await if_allowed(visit.rest.get("/v1/names", id=asked))
    return found["names"] if found else {}


async def names(visit: Visit, *kinds: str) -> dict[str, str]:
    """By id, of the newest 200 of each of `kinds` (team, project, user, key) that this person may list."""
    known = [_LISTS[kind] for kind in kinds if kind in _LISTS]
    lists = await asyncio.gather(*(choices_of(visit.rest, path, name) for path, name, _ in known))
    found: dict[str, str] = {}
    for (_, _, field), rows in zip(known, lists, strict=True):
        found |= called_of(rows, field)
    return found


def called_of(rows: Iterable[Json], field: str) -> dict[str, str]:
    """By id, what `field` of the rows says."""
    return {row["id"]: str(row[field] or row["id"]) for row in rows}
