"""Members and invitations."""

import asyncio

from starlette.responses import Response

from gatewayops.web.asking import if_allowed
from gatewayops.web.drawing import draw
from gatewayops.web.people import listed
from gatewayops.web.rest import segment
from gatewayops.web.visit import Done, Form, Visit

_ROWS = 25


async def show(visit: Visit) -> Response:
    """Members by filters, then invitations that are open."""
    rest = visit.rest
    (found, invitations, organization), teams, roles = await asyncio.gather(
        asyncio.gather(
            rest.get(
                "/v1/users",
                limit=_ROWS,
                cursor=visit.asked("cursor"),
                query=visit.asked("query"),
                team=visit.asked("team"),
            ),
            rest.get("/v1/invitations", limit=_ROWS),
            if_allowed(rest.get("/v1/organization")),
        ),
        listed.teams(visit),
        listed.roles(visit),
    )
    return draw(
        visit,
        "people/members.html",
        tabs=listed.TABS,
        found=found,
        invitations=[one for one in invitations["invitations"] if one["state"] != "accepted"],
        teams=teams,
        team_names={one["id"]: one["name"] for one in teams},
        roles=roles,
        role_names={one["id"]: one["name"] for one in roles},
        choices=listed.choices,
        second_factor=organization and organization["organization"]["second_factor"],
    )


async def invite(visit: Visit, form: Form) -> Done:
    """The link goes to the mailbox: nobody else sees it."""
    asked = {field: form[field] for field in ("email", "role", "team")}
    made = await visit.rest.send("POST", "/v1/invitations", asked, form_token=form["form_token"])
    return Done("/people", f"Invitation for {asked['email']}: {made['mail']}.")


async def withdraw(visit: Visit, form: Form) -> Done:
    """The link works no longer."""
    path = f"/v1/invitations/{segment(visit.request.path_params['invitation'])}"
    await visit.rest.send("DELETE", path, form_token=form["form_token"])
    return Done("/people", "Invitation withdrawn.")
