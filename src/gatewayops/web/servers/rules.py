"""What arguments of calls must be like, and how calls are changed on their way; a dry run of both."""

import asyncio

from starlette.responses import Response

from gatewayops.web.asking import if_allowed
from gatewayops.web.drawing import draw, draw_part
from gatewayops.web.rest import Json, segment
from gatewayops.web.servers import fields, known, steps
from gatewayops.web.visit import Done, Form, Visit

_ALL = 200


async def show(visit: Visit) -> Response:
    """The rules that concern this server: its own, and those of any server."""
    server = await known.server_of(visit)
    rest = visit.rest
    rules, sets, transforms, tools = await asyncio.gather(
        if_allowed(rest.get("/v1/validation/rules", limit=_ALL)),
        if_allowed(rest.get("/v1/validation/patterns")),
        if_allowed(rest.get("/v1/transforms", limit=_ALL)),
        if_allowed(rest.get(known.path(visit, "tools"), limit=_ALL)),
    )
    return draw(
        visit,
        "servers/rules.html",
        server=server,
        rules=rules and _of(server, rules["rules"]),
        sets=[one["name"] for one in sets["sets"]] if sets else [],
        transforms=transforms
        and sorted(_of(server, transforms["transforms"]), key=lambda one: int(one["position"])),
        tools=[one["name"] for one in tools["tools"]] if tools else [],
        as_lines=steps.told,
        is_cut=any(found and found["has_more"] for found in (rules, transforms)),
    )


async def put_rule(visit: Visit, form: Form) -> Done:
    """Sets the rule of the server or of one tool; the one that is there is replaced."""
    server = await known.server_of(visit)
    body: Json = {
        "server": server["name"],
        "tool": form["tool"],
        "schema_mode": form["schema_mode"] or None,
        "max_bytes": form.whole("max_bytes", "Bytes"),
        "max_depth": form.whole("max_depth", "Depth"),
        "max_items": form.whole("max_items", "Items"),
        "patterns": {
            name.removeprefix("set:"): value.strip()
            for name, value in form.pairs
            if name.startswith("set:") and value.strip()
        },
        "own_patterns": steps.patterns(form["own_patterns"]),
    }
    await visit.rest.send("PUT", "/v1/validation/rules", body, form_token=form["form_token"])
    return Done(known.here(visit, "rules"), "The rule is set.")


async def remove_rule(visit: Visit, form: Form) -> Done:
    """Broader ones count from now on."""
    where = f"/v1/validation/rules/{segment(form['id'])}"
    await visit.rest.send("DELETE", where, form_token=form["form_token"])
    return Done(known.here(visit, "rules"), "The rule is removed.")


async def add_transform(visit: Visit, form: Form) -> Done:
    """Makes a transformation of this server's calls."""
    server = await known.server_of(visit)
    body: Json = {
        "name": form["name"],
        "server": server["name"],
        "tool": form["tool"],
        "position": form.whole("position", "Position") or 0,
        "request": steps.steps(form["request"], "Arguments"),
        "response": steps.steps(form["response"], "Results"),
        "headers": fields.headers(form["headers"]),
    }
    await visit.rest.send("POST", "/v1/transforms", body, form_token=form["form_token"])
    return Done(known.here(visit, "rules"), f"The transformation {form['name']} counts from now on.")


async def remove_transform(visit: Visit, form: Form) -> Done:
    """Calls pass unchanged by it from now on."""
    where = f"/v1/transforms/{segment(form['id'])}"
    await visit.rest.send("DELETE", where, form_token=form["form_token"])
    return Done(known.here(visit, "rules"), "The transformation is removed.")


async def check(visit: Visit, form: Form) -> Response:
    """What a gateway would say to these arguments; nothing is called."""
    server = await known.server_of(visit)
    body = {"server": server["name"], "tool": form["tool"], "arguments_json": form["arguments"] or "{}"}
    verdict = await visit.rest.send("POST", "/v1/validation/check", body, form_token=form["form_token"])
    return draw_part(visit, "servers/verdict.html", verdict=verdict)


def _of(server: Json, rows: list[Json]) -> list[Json]:
    return [one for one in rows if one["server"] in ("", server["name"])]
