"""Changing a server: part by part, so that a form never writes what it does not show."""

from collections.abc import Callable, Mapping

from starlette.responses import Response

from gatewayops.web.asking import if_allowed
from gatewayops.web.drawing import draw
from gatewayops.web.rest import Json, segment
from gatewayops.web.servers import fields, known
from gatewayops.web.visit import Done, Form, Visit

_WHOLE = (
    "retries",
    "retry_base_ms",
    "retry_max_ms",
    "retry_budget_percent",
    "breaker_failures",
    "breaker_percent",
    "breaker_probes",
    "max_in_flight",
    "caller_share_percent",
)
_SECONDS = ("breaker_window_s", "breaker_open_s")


async def show(visit: Visit) -> Response:
    """All forms; `clients` where users have accounts of their own at the server."""
    server = await known.server_of(visit)
    clients = None
    if server["upstream_auth"] == "user_oauth":
        clients = await if_allowed(visit.rest.get(known.path(visit, "upstream-client")))
    return draw(visit, "servers/settings.html", server=server, clients=clients)


async def change(visit: Visit, form: Form) -> Done:
    """One part of the settings, as `part` names it."""
    body = _PARTS.get(form["part"], _connection)(form)
    answer = await visit.rest.send("PATCH", known.path(visit), body, form_token=form["form_token"])
    name = answer["server"]["name"]
    return Done(f"/servers/{segment(name)}/settings", f"Server {name} is changed.")


async def remove(visit: Visit, form: Form) -> Done:
    """Takes it out of the gateway; its records stay."""
    server = await known.server_of(visit)
    form.check_named(server["name"])
    await visit.rest.send("DELETE", known.path(visit), form_token=form["form_token"])
    return Done("/servers", f"Server {server['name']} is removed.")


async def give_client(visit: Visit, form: Form) -> Done:
    """Tells how the gateway was registered by hand at the server's authorization server."""
    body = {name: form[name] for name in ("issuer", "client_id", "client_secret")}
    await visit.rest.send("PUT", known.path(visit, "upstream-client"), body, form_token=form["form_token"])
    return Done(known.here(visit, "settings"), "The client is kept.")


async def remove_client(visit: Visit, form: Form) -> Done:
    """Forgets it, and the accounts that were connected through it."""
    await visit.rest.send(
        "DELETE",
        known.path(visit, "upstream-client"),
        form_token=form["form_token"],
        query={"issuer": form["issuer"]},
    )
    return Done(known.here(visit, "settings"), "The client is forgotten.")


def _connection(form: Form) -> Json:
    body = fields.connection(form) | {"name": form["name"]}
    headers = fields.headers(form["headers"])
    if headers or form.is_on("drops_headers"):
        body["headers"] = headers
    return body


def _callers(form: Form) -> Json:
    return fields.callers(form) | {
        "offers_password": form.is_on("offers_password"),
        "slug": form["slug"],
        "allowed_origins": fields.words(form["allowed_origins"]),
    }


def _accounts(form: Form) -> Json:
    return {"upstream_auth": form["upstream_auth"], "upstream_scopes": fields.words(form["upstream_scopes"])}


def _resilience(form: Form) -> Json:
    body: Json = {name: form.whole(name, name) for name in _WHOLE}
    body |= {name: form.number(name, name) for name in _SECONDS}
    return fields.given(body)


_PARTS: Mapping[str, Callable[[Form], Json]] = {
    "connection": _connection,
    "callers": _callers,
    "accounts": _accounts,
    "resilience": _resilience,
}
