"""Which keys seal credentials, and which sign access tokens. No key is ever shown."""

import asyncio

from starlette.responses import Response

from gatewayops.web.drawing import draw
from gatewayops.web.settings.tabs import tabs
from gatewayops.web.visit import Done, Form, Visit


async def show(visit: Visit) -> Response:
    """Both."""
    sealing, signing = await asyncio.gather(visit.rest.get("/v1/secrets"), visit.rest.get("/v1/signing-keys"))
    return draw(
        visit,
        "settings/secrets.html",
        tabs=tabs(visit),
        sealing=sealing["secrets"],
        signing=signing["signing_keys"],
    )


async def rotate_signing(visit: Visit, form: Form) -> Done:
    """Tokens that the key before signed stay good until they expire."""
    await visit.rest.send("POST", "/v1/signing-keys/rotate", form_token=form["form_token"])
    return Done("/settings/secrets", "The next key signs from now on.")
