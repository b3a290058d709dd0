"""What the ids that rows name are called: people by e-mail address, teams, projects and keys by name."""

from collections.abc import Iterable, Mapping
from typing import Any

from gatewayops.web.asking import if_allowed
from gatewayops.web.visit import Visit

FIELDS = ("user_id", "team_id", "project_id", "key_id")
_MOST = 400


async def names_in(visit: Visit, rows: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """By id; ids of whom nobody knows, or whom this person may not know, stand for themselves."""
    ids = sorted({row[field] for row in rows for field in FIELDS if row.get(field)})[:_MOST]
    if not ids or not visit.may("directory.read"):
        return {}
    found = await if_allowed(visit.rest.get("/v1/names", id=ids))
    return found["names"] if found else {}
