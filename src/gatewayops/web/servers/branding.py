"""How the pages look on which people sign in to a server."""

import asyncio

from starlette.responses import Response

from gatewayops.web.drawing import draw
from gatewayops.web.rest import Refused
from gatewayops.web.servers import known
from gatewayops.web.visit import Done, Form, Visit

_FIELDS = ("product_name", "accent_color", "terms_url", "privacy_url", "support_email")


async def show(visit: Visit) -> Response:
    """The branding; a logo is shown by its path, which is at our own address too."""
    server, found = await asyncio.gather(
        visit.rest.get(known.path(visit)), visit.rest.get(known.path(visit, "branding"))
    )
    logo_url = found["branding"]["logo_url"]
    slug = server["server"]["slug"]
    logo = f"/oauth/{slug}/logo/{logo_url.rpartition('/')[2]}" if logo_url else None
    return draw(
        visit, "servers/branding.html", server=server["server"], branding=found["branding"], logo=logo
    )


async def change(visit: Visit, form: Form) -> Done:
    """What is empty is as ours again."""
    body = {name: form[name] for name in _FIELDS}
    await visit.rest.send("PATCH", known.path(visit, "branding"), body, form_token=form["form_token"])
    return Done(known.here(visit, "branding"), "The branding is changed.")


async def put_logo(visit: Visit, form: Form) -> Done:
    """The picture itself; the API says what it takes."""
    if not form["image"]:
        raise Refused(400, {"message": "choose a picture first: PNG, JPEG or WebP, at most 128 KiB"})
    where, body = known.path(visit, "branding", "logo"), {"image": form["image"]}
    await visit.rest.send("PUT", where, body, form_token=form["form_token"])
    return Done(known.here(visit, "branding"), "The logo is set.")


async def remove_logo(visit: Visit, form: Form) -> Done:
    """Only the logo."""
    where = known.path(visit, "branding", "logo")
    await visit.rest.send("DELETE", where, form_token=form["form_token"])
    return Done(known.here(visit, "branding"), "The logo is removed.")


async def remove(visit: Visit, form: Form) -> Done:
    """All of it."""
    await visit.rest.send("DELETE", known.path(visit, "branding"), form_token=form["form_token"])
    return Done(known.here(visit, "branding"), "The pages look as GatewayOps's again.")
