"""One member: what they hold and from where, where they are signed in, their keys, and shutting them out."""

import asyncio

from starlette.responses import Response

from gatewayops.web.asking import if_allowed
from gatewayops.web.drawing import draw
from gatewayops.web.people import listed
from gatewayops.web.rest import Json, Rest, segment
from gatewayops.web.visit import Done, Form, Visit

_ROWS = 25


async def show(visit: Visit) -> Response:
    """What the viewer may not read about them is left out."""
    rest, path = visit.rest, _path(visit)
    user_id = visit.request.path_params["user"]
    sessions, keys, chain, teams, roles, (member, factors) = await asyncio.gather(
        if_allowed(rest.get("/v1/auth/sessions", user=user_id, limit=_ROWS)),
        if_allowed(rest.get("/v1/auth/keys", user=user_id, limit=_ROWS)),
        if_allowed(rest.get("/v1/policies/explain", principal=user_id, action="directory.read")),
        listed.teams(visit),
        listed.roles(visit),
        _member(rest, path),
    )
    return draw(
        visit,
        "people/person.html",
        member=member,
        factors=factors,
        sessions=sessions and sessions["sessions"],
        keys=keys and keys["keys"],
        inherited=_inherited(chain, member),
        teams=teams,
        team_names={one["id"]: one["name"] for one in teams},
        roles=[one for one in roles if one["id"] not in {held["id"] for held in member["roles"]}],
        choices=listed.choices,
        is_self=visit.who["user"] is not None and visit.who["user"]["id"] == member["id"],
    )


async def _member(rest: Rest, path: str) -> tuple[Json, Json | None]:
    """The person, and their second factors if there are any."""
    member = (await rest.get(path))["user"]
    return member, await if_allowed(rest.get(f"{path}/factors")) if member["second_factors"] else None


async def change(visit: Visit, form: Form) -> Done:
    """Name and team; a team that stays is not asked for, as to move takes more."""
    member = (await visit.rest.get(_path(visit)))["user"]
    asked = {"name": form["name"]}
    if form["team"] != (member["team_id"] or ""):
        asked["team"] = form["team"]
    await visit.rest.send("PATCH", _path(visit), asked, form_token=form["form_token"])
    return Done(_page(visit), "Saved.")


async def give_role(visit: Visit, form: Form) -> Done:
    """Bound to the person themselves."""
    path = f"/v1/roles/{segment(form['role'])}/bindings"
    asked = {"subject_kind": "user", "subject": visit.request.path_params["user"]}
    await visit.rest.send("POST", path, asked, form_token=form["form_token"])
    return Done(_page(visit), "Role given; it counts at once.")


async def take_role(visit: Visit, form: Form) -> Done:
    """By the binding."""
    path = f"/v1/roles/{segment(form['role'])}/bindings/{segment(form['binding'])}"
    await visit.rest.send("DELETE", path, form_token=form["form_token"])
    return Done(_page(visit), "Role taken away.")


async def sign_out(visit: Visit, form: Form) -> Done:
    """Everywhere."""
    await visit.rest.send("DELETE", f"{_path(visit)}/sessions", form_token=form["form_token"])
    return Done(_page(visit), "Signed out everywhere.")


async def disable(visit: Visit, form: Form) -> Done:
    """Shuts somebody out."""
    member = (await visit.rest.get(_path(visit)))["user"]
    form.check_named(member["email"])
    await visit.rest.send("POST", f"{_path(visit)}/disable", form_token=form["form_token"])
    return Done(_page(visit), f"{member['email']} is shut out.")


async def enable(visit: Visit, form: Form) -> Done:
    """Lets somebody in again."""
    await visit.rest.send("POST", f"{_path(visit)}/enable", form_token=form["form_token"])
    return Done(_page(visit), "They may sign in again.")


async def reset_factors(visit: Visit, form: Form) -> Done:
    """For who has lost them all."""
    member = (await visit.rest.get(_path(visit)))["user"]
    form.check_named(member["email"])
    await visit.rest.send("DELETE", f"{_path(visit)}/factors", form_token=form["form_token"])
    return Done(_page(visit), "Second factors removed; they were told by mail.")


async def break_glass(visit: Visit, form: Form) -> Done:
    """Whether a password counts though single sign-on is required."""
    asked = {"is_break_glass": form.is_on("is_break_glass")}
    await visit.rest.send("PUT", f"{_path(visit)}/break-glass", asked, form_token=form["form_token"])
    return Done(_page(visit), "Saved.")


def _inherited(chain: Json | None, member: Json) -> list[tuple[str, str]]:
    """(from whom, role) for what is not bound to the member themselves."""
    if chain is None:
        return []
    links = chain["explanation"]["chain"]
    others = [link for link in links if link["id"] != member["id"]]
    return [
        (f"{link['kind']} {link['name'] or link['id']}", role) for link in others for role in link["roles"]
    ]


def _path(visit: Visit) -> str:
    return f"/v1/users/{segment(visit.request.path_params['user'])}"


def _page(visit: Visit) -> str:
    return f"/people/{segment(visit.request.path_params['user'])}"
