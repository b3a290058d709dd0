"""Whole lists that people choose from: teams and roles, as many as a page of the API holds."""

from gatewayops.web.asking import choices_of
from gatewayops.web.rest import Json
from gatewayops.web.visit import Visit

TABS = [("Members", "/people"), ("Teams", "/people/teams"), ("Projects", "/people/projects")]


async def teams(visit: Visit) -> list[Json]:
    """By name; nothing where they may not be read."""
    return await _named(visit, "/v1/teams", "teams")


async def roles(visit: Visit) -> list[Json]:
    """The same of roles."""
    return await _named(visit, "/v1/roles", "roles")


def choices(rows: list[Json], none: str) -> list[tuple[str, str]]:
    """For a field: ids with names; `none` is what an empty choice is called."""
    return [("", none), *((row["id"], row["name"]) for row in rows)]


async def _named(visit: Visit, path: str, name: str) -> list[Json]:
    found = await choices_of(visit.rest, path, name)
    return sorted(found, key=lambda row: str(row["name"]).lower())
