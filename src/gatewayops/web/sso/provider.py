"""One provider, as the steps of its set-up; each step is a change of its own."""

import asyncio

from starlette.responses import Response

from gatewayops.web.drawing import draw, draw_part
from gatewayops.web.people import listed
from gatewayops.web.rest import Json, Refused, segment
from gatewayops.web.sso.listing import KINDS
from gatewayops.web.visit import Done, Form, Visit

_FREE = 3
_MOST = 200


async def show(visit: Visit) -> Response:
    """How far it is, and what comes next."""
    found, domains, roles, teams = await asyncio.gather(
        visit.rest.get(_path(visit)),
        visit.rest.get("/v1/sso-domains", limit=_MOST),
        listed.roles(visit),
        listed.teams(visit),
    )
    provider = found["identity_provider"]
    is_complete = bool(provider["saml"] or (provider["client_id"] and provider["issuer"]))
    return draw(
        visit,
        "sso/provider.html",
        provider=provider,
        kind=KINDS[provider["kind"]][0],
        is_complete=is_complete,
        domains=[one for one in domains["domains"] if one["provider_id"] == provider["id"]],
        roles=roles,
        teams=teams,
        mappings=[
            *provider["group_mappings"],
            *({"group": "", "role_id": "", "team_id": ""} for _ in range(_FREE)),
        ],
        choices=listed.choices,
    )


async def change(visit: Visit, form: Form) -> Done:
    """What the provider gave us; an empty secret stays as it is."""
    asked: Json = {field: form[field] for field in ("client_id", "client_secret") if form[field]}
    if form["issuer"] != form["issuer_before"]:
        asked["issuer"] = form["issuer"]
    if (scopes := form["scopes"].split()) or form["scopes_before"]:
        asked["scopes"] = scopes
    if form["groups_claim"]:
        asked["groups_claim"] = form["groups_claim"]
    asked |= {field: form[field] for field in ("metadata_url", "metadata") if form[field]}
    return await _changed(visit, form, asked | {"enabled": True}, "Saved and switched on. Now test it.")


async def test(visit: Visit, form: Form) -> Response:
    """What the provider says of itself, now."""
    answer = await visit.rest.send("POST", f"{_path(visit)}/test", form_token=form["form_token"])
    values = {"answer": answer, "name": visit.request.path_params["provider"]}
    if visit.is_partial:
        return draw_part(visit, "sso/tested.html", **values)
    return draw(visit, "sso/tested_page.html", **values)


async def change_people(visit: Visit, form: Form) -> Done:
    """Who is let in, and with what."""
    asked = {
        "create_users": form.is_on("create_users"),
        "trust_email": form.is_on("trust_email"),
        "new_user_role": form["new_user_role"],
        "new_user_team": form["new_user_team"],
        "session_hours": form.whole("session_hours", "Session hours"),
    }
    return await _changed(visit, form, asked, "Saved.")


async def change_groups(visit: Visit, form: Form) -> Done:
    """Rows without a group go."""
    rows = [
        {field: form[f"{field}.{at}"] for field in ("group", "role", "team")} for at in range(_MOST + _FREE)
    ]
    asked = {"group_mappings": [row for row in rows if row["group"]]}
    return await _changed(visit, form, asked, "Saved; it counts from each one's next sign-in.")


async def require(visit: Visit, form: Form) -> Done:
    """From now on passwords open nothing, but for break-glass administrators."""
    form.check_named(visit.request.path_params["provider"])
    return await _changed(visit, form, {"sso_required": True}, "Single sign-on is required from now on.")


async def lift(visit: Visit, form: Form) -> Done:
    """Passwords count again."""
    return await _changed(visit, form, {"sso_required": False}, "Passwords count again.")


async def switch_off(visit: Visit, form: Form) -> Done:
    """Nobody comes in by it, and its sessions end."""
    form.check_named(visit.request.path_params["provider"])
    return await _changed(visit, form, {"enabled": False}, "Switched off; the sessions that it made ended.")


async def remove(visit: Visit, form: Form) -> Done:
    """With its domains and what its groups gave."""
    name = visit.request.path_params["provider"]
    form.check_named(name)
    await visit.rest.send("DELETE", _path(visit), form_token=form["form_token"])
    return Done("/sso", f"{name} removed.")


async def _changed(visit: Visit, form: Form, asked: Json, told: str) -> Done:
    if not asked:
        raise Refused(400, {"message": "there is nothing to change"})
    await visit.rest.send("PATCH", _path(visit), asked, form_token=form["form_token"])
    return Done(f"/sso/{segment(visit.request.path_params['provider'])}", told)


def _path(visit: Visit) -> str:
    return f"/v1/identity-providers/{segment(visit.request.path_params['provider'])}"
