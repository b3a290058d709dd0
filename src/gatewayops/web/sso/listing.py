"""The providers, and the beginning of a new one."""

import asyncio

from starlette.responses import Response

from gatewayops.web.drawing import draw
from gatewayops.web.rest import Json, segment
from gatewayops.web.visit import Done, Form, Visit

_ROWS = 50
KINDS = {
    "oidc": ("OpenID Connect", "Okta, Entra ID, Keycloak, Auth0 and others"),
    "google": ("Google", "Google Workspace and Gmail"),
    "github": ("GitHub", "github.com, or an Enterprise Server"),
    "saml": ("SAML 2.0", "Where a provider speaks nothing else"),
}


async def show(visit: Visit) -> Response:
    """With the domains that lead to each."""
    found, domains = await asyncio.gather(
        visit.rest.get("/v1/identity-providers", limit=_ROWS, cursor=visit.asked("cursor")),
        visit.rest.get("/v1/sso-domains", limit=200),
    )
    led: dict[str, list[Json]] = {}
    for one in domains["domains"]:
        led.setdefault(one["provider_id"], []).append(one)
    return draw(visit, "sso/list.html", found=found, domains=led, kinds=KINDS)


async def new(visit: Visit) -> Response:
    """First the kind, then what this kind needs to begin."""
    kind = visit.asked("kind")
    return draw(visit, "sso/new.html", kinds=KINDS, kind=kind if kind in KINDS else "")


async def make(visit: Visit, form: Form) -> Done:
    """Off until it is complete, so that its address can be registered first."""
    kind = form["kind"]
    asked: Json = {"name": form["name"], "kind": kind, "enabled": False}
    if form.is_on("allow_private_network"):
        asked["allow_private_network"] = True
    if kind == "saml":
        asked |= {field: form[field] for field in ("metadata", "metadata_url") if form[field]}
    made = await visit.rest.send("POST", "/v1/identity-providers", asked, form_token=form["form_token"])
    name = made["identity_provider"]["name"]
    return Done(f"/sso/{segment(name)}", f"{name} is begun. Register the address below at the provider.")
