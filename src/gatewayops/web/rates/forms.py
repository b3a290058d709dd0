"""What the forms of prices and limits send to the API."""

from gatewayops.web.rest import Refused, segment
from gatewayops.web.visit import Form, Visit

_MILLION = 1_000_000


async def put_price(visit: Visit, form: Form, *, server: str) -> None:
    """A price of a server, or with an empty one of any; people think of tokens by the million."""
    body = {
        "server": server,
        "tool": form["tool"],
        "per_call": form.number("per_call", "Dollars a call") or 0,
        "per_token_input": (form.number("per_input", "Dollars a million tokens in") or 0) / _MILLION,
        "per_token_output": (form.number("per_output", "Dollars a million tokens out") or 0) / _MILLION,
    }
    await visit.rest.send("PUT", "/v1/prices", body, form_token=form["form_token"])


async def remove_price(visit: Visit, form: Form) -> None:
    """The next broader one counts from now on."""
    await visit.rest.send("DELETE", f"/v1/prices/{segment(form['id'])}", form_token=form["form_token"])


async def put_limit(visit: Visit, form: Form, *, scope: str, subject: str) -> None:
    """Calls a window; an empty number is no limit said, not none at all."""
    calls = form.whole("limit", "Calls")
    if calls is None:
        raise Refused(400, {"message": "Calls: give a number; 0 is no limit"})
    body = {
        "scope": scope,
        "subject": subject,
        "limit": calls,
        "window": form["window"] or "1m",
        "burst": form.whole("burst", "Burst") or 0,
    }
    await visit.rest.send("PUT", "/v1/limits", body, form_token=form["form_token"])


async def remove_limit(visit: Visit, form: Form) -> None:
    """What is broader counts from now on."""
    await visit.rest.send("DELETE", f"/v1/limits/{segment(form['id'])}", form_token=form["form_token"])
