"""Projects: what calls and costs are filed under beside teams."""

import asyncio

from starlette.responses import Response

from gatewayops.web.drawing import draw
from gatewayops.web.people import listed
from gatewayops.web.visit import Done, Form, Visit

_ROWS = 50


async def show(visit: Visit) -> Response:
    """Newest first."""
    found, teams = await asyncio.gather(
        visit.rest.get("/v1/projects", limit=_ROWS, cursor=visit.asked("cursor")), listed.teams(visit)
    )
    return draw(
        visit,
        "people/projects.html",
        tabs=listed.TABS,
        found=found,
        teams=teams,
        team_names={one["id"]: one["name"] for one in teams},
        choices=listed.choices,
    )


async def add(visit: Visit, form: Form) -> Done:
    """With the team that keys of it belong to."""
    asked = {"name": form["name"], "team": form["team"]}
    await visit.rest.send("POST", "/v1/projects", asked, form_token=form["form_token"])
    return Done("/people/projects", f"Project {asked['name']} made.")
