"""Making a key, and the one time that its secret is shown, with what to do with it."""

import asyncio
import json
from datetime import datetime, timedelta
from typing import Any

from starlette.responses import Response

from gatewayops.base import clock
from gatewayops.web.asking import choices_of
from gatewayops.web.drawing import draw, draw_part
from gatewayops.web.rest import Json
from gatewayops.web.visit import Form, Visit

_LIFE_DAYS = {"30": 30, "90": 90, "365": 365}


async def show(visit: Visit) -> Response:
    """The form; what may not be read is typed instead of chosen."""
    servers, roles, teams, projects = await asyncio.gather(
        choices_of(visit.rest, "/v1/servers", "servers"),
        choices_of(visit.rest, "/v1/roles", "roles"),
        choices_of(visit.rest, "/v1/teams", "teams"),
        choices_of(visit.rest, "/v1/projects", "projects"),
    )
    return draw(
        visit,
        "keys/new.html",
        servers=servers,
        roles=roles,
        teams=teams,
        projects=projects,
        named=named,
    )


async def make(visit: Visit, form: Form) -> Response:
    """Answers the secret: it is in this answer and nowhere else."""
    asked: Json = {"name": form["name"], "env": form["env"] or "prod"}
    asked |= {field: form[field] for field in ("role", "team", "project", "user") if form[field]}
    if form["life"] in _LIFE_DAYS:
        asked["expires_at"] = (clock.now() + timedelta(days=_LIFE_DAYS[form["life"]])).isoformat()
    scopes: Json = {}
    if servers := form.several("server"):
        scopes["mcp_servers"] = servers
    if actions := form["actions"].replace(",", " ").split():
        scopes["actions"] = actions
    if scopes:
        asked["scopes"] = scopes
    made = await visit.rest.send("POST", "/v1/auth/keys", asked, form_token=form["form_token"])
    return await shown_once(visit, made["key"])


async def shown_once(visit: Visit, key: Json, *, valid_until: str | None = None) -> Response:
    """The secret with a first call and a client's configuration; as a page where there is no script."""
    servers = await choices_of(visit.rest, "/v1/servers", "servers")
    given = key["scopes"]["mcp_servers"]
    server = next((one for one in servers if "*" in given or one["name"] in given), None)
    values: dict[str, Any] = {
        "key": key,
        "server": server,
        "curl": _curl(key["secret"], server) if server else "",
        "config": _config(key["secret"], server) if server else "",
        "valid_until": valid_until and datetime.fromisoformat(valid_until).isoformat(),
    }
    if visit.is_partial:
        return draw_part(visit, "keys/secret.html", **values)
    return draw(visit, "keys/made.html", **values)


def _curl(secret: str, server: Json) -> str:
    return (
        f"curl -s {server['address']}/tools/list \\\n  -H 'Authorization: Bearer {secret}' \\\n"
        "  -H 'Content-Type: application/json' -d '{}'"
    )


def _config(secret: str, server: Json) -> str:
    headers = {"Authorization": f"Bearer {secret}"}
    entry = {"type": "http", "url": server["address"], "headers": headers}
    return json.dumps({"mcpServers": {server["name"]: entry}}, indent=2)


def named(rows: list[Json]) -> list[tuple[str, str]]:
    """As options of a choice."""
    return [(row["name"], row["name"]) for row in rows]
