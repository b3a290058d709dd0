"""The organisation: its name, who needs a second factor, what happens to changed tools."""

import asyncio

from starlette.responses import RedirectResponse, Response

from gatewayops.web.asking import if_allowed
from gatewayops.web.drawing import draw
from gatewayops.web.rest import Json
from gatewayops.web.settings.tabs import tabs
from gatewayops.web.visit import Done, Form, Visit


async def show(visit: Visit) -> Response:
    """Who may not see the organisation goes on to the first page that they may."""
    pages = tabs(visit)
    if pages and not visit.may("directory.read"):
        return RedirectResponse(pages[0][1], status_code=303)
    found, pinning = await asyncio.gather(
        visit.rest.get("/v1/organization"), if_allowed(visit.rest.get("/v1/pinning"))
    )
    return draw(visit, "settings/organization.html", tabs=pages, one=found["organization"], pinning=pinning)


async def change(visit: Visit, form: Form) -> Done:
    """Name, policy and contacts at once: the form shows all three."""
    body: Json = {
        "name": form["name"],
        "second_factor": form["second_factor"],
        "masks_contacts": form.is_on("masks_contacts"),
    }
    await visit.rest.send("PATCH", "/v1/organization", body, form_token=form["form_token"])
    return Done("/settings", "The organisation is changed.")


async def pin(visit: Visit, form: Form) -> Done:
    """For servers that have no mode of their own."""
    body: Json = {"pinning": form["pinning"] or None}
    await visit.rest.send("PUT", "/v1/pinning", body, form_token=form["form_token"])
    return Done("/settings", "What happens to changed tools is set.")
