"""A new budget: whose spending it bounds, how much, and what happens when it is spent."""

import asyncio

from starlette.responses import Response

from gatewayops.web.asking import choices_of
from gatewayops.web.drawing import draw
from gatewayops.web.rest import Json
from gatewayops.web.visit import Visit

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
        choices_of(rest, "/v1/teams", "teams"),
        choices_of(rest, "/v1/projects", "projects"),
        choices_of(rest, "/v1/users", "users"),
        choices_of(rest, "/v1/auth/keys", "keys"),
    )
    subjects = [
        *((row["name"], "team") for row in teams),
        *((row["name"], "project") for row in projects),
        *((row["email"], "person") for row in users),
        *((row["prefix"], f"key {row['name']}") for row in keys),
    ]
    return draw(
        visit,
        "budgets/editor.html",
        budget=_NEW,
        scopes=SCOPES,
        scope=visit.asked("scope", "organization"),
        subject=visit.asked("subject"),
        subjects=subjects,
        keys=[key for key in keys if not key["revoked_at"]],
    )
