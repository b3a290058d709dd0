"""The domains whose addresses lead to a provider."""

from gatewayops.web.rest import segment
from gatewayops.web.visit import Done, Form, Visit


async def add(visit: Visit, form: Form) -> Done:
    """It leads nowhere until it is verified."""
    asked = {"domain": form["domain"], "provider": visit.request.path_params["provider"]}
    await visit.rest.send("POST", "/v1/sso-domains", asked, form_token=form["form_token"])
    return Done(_page(visit), f"{asked['domain']} added. Now prove that it is yours.")


async def verify(visit: Visit, form: Form) -> Done:
    """By the document on the domain's own web server."""
    path = f"/v1/sso-domains/{segment(form['domain'])}/verify"
    await visit.rest.send("POST", path, form_token=form["form_token"])
    return Done(_page(visit), f"{form['domain']} is verified: its people sign in at this provider.")


async def remove(visit: Visit, form: Form) -> Done:
    """Its addresses lead to no provider any more."""
    path = f"/v1/sso-domains/{segment(form['domain'])}"
    await visit.rest.send("DELETE", path, form_token=form["form_token"])
    return Done(_page(visit), f"{form['domain']} removed.")


def _page(visit: Visit) -> str:
    return f"/sso/{segment(visit.request.path_params['provider'])}"
