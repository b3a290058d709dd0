"""A new budget: whose spending it bounds, how much, and what happens when it is spent."""

import asyncio

from starlette.responses import Response

from gatewayops.web.asking import if_allowed
from gatewayops.web.drawing import draw
from gatewayops.web.rest import Json
from gatewayops.web.visit import Visit

_MOST = 200
_NEW: Json = {
    "id": "",
    "amount": None,
    "period": "month",
    "hard": True,
    "name": "",
    "grace_percent": 0,
    "grace_keys": [],
}
SCOPES = (
    ("organization", "The whole organisation"),
    ("team", "A team, with the teams below it"),
    ("project", "A project"),
    ("user", "A person"),
    ("key", "An API key"),
)


async def show(visit: Visit) -> Response:
    """`scope` and `subject` of the address are chosen already; so a report can link here."""
    rest = visit.rest
    teams, projects, users, keys = await asyncio.gather(
        if_allowed(rest.get("/v1/teams", limit=_MOST)),
        if_allowed(rest.get("/v1/projects", limit=_MOST)),
        if_allowed(rest.get("/v1/users", limit=_MOST)),
        if_allowed(rest.get("/v1/auth/keys", limit=_MOST)),
    )
    found_keys = keys["keys"] if keys else []
    subjects = [
        *((row["name"], "team") for row in (teams["teams"] if teams else ())),
        *((row["name"], "project") for row in (projects["projects"] if projects else ())),
        *((row["email"], "person") for row in (users["users"] if users else ())),
        *((row["prefix"], f"key {row['name']}") for row in found_keys),
    ]
    return draw(
        visit,
        "budgets/editor.html",
        budget=_NEW,
        scopes=SCOPES,
        scope=visit.asked("scope", "organization"),
        subject=visit.asked("subject"),
        subjects=subjects,
        keys=[key for key in found_keys if not key["revoked_at"]],
    )
