"""One role: its rules, as an editor for who may change it, and who holds it."""

import asyncio

from starlette.responses import Response

from gatewayops.web.drawing import draw
from gatewayops.web.people import listed
from gatewayops.web.rest import segment
from gatewayops.web.roles import rules
from gatewayops.web.visit import Done, Form, Visit

_ROWS = 50


async def new(visit: Visit) -> Response:
    """An empty editor."""
    return draw(visit, "roles/new.html", rows=rules.with_free_rows([]))


async def make(visit: Visit, form: Form) -> Done:
    """A role that nobody holds yet."""
    asked = {"name": form["name"], "description": form["description"], "permissions": rules.given(form)}
    made = (await visit.rest.send("POST", "/v1/roles", asked, form_token=form["form_token"]))["role"]
    return Done(f"/roles/{segment(made['name'])}", f"Role {made['name']} made. Give it to somebody below.")


async def show(visit: Visit) -> Response:
    """With the first holders; more by the page."""
    path = _path(visit)
    found, holders, teams = await asyncio.gather(
        visit.rest.get(path),
        visit.rest.get(f"{path}/bindings", limit=_ROWS, cursor=visit.asked("cursor")),
        listed.teams(visit),
    )
    role = found["role"]
    return draw(
        visit,
        "roles/role.html",
        role=role,
        rows=rules.with_free_rows(role["permissions"]),
        holders=holders,
        teams=teams,
        kinds=rules.KINDS,
        may_edit=visit.may("roles.write") and not role["is_predefined"],
    )


async def change(visit: Visit, form: Form) -> Done:
    """For all who hold it."""
    asked = {"name": form["name"], "description": form["description"], "permissions": rules.given(form)}
    changed = await visit.rest.send("PATCH", _path(visit), asked, form_token=form["form_token"])
    return Done(f"/roles/{segment(changed['role']['name'])}", "Saved; gateways follow within a second.")


async def remove(visit: Visit, form: Form) -> Done:
    """Only what nobody holds goes."""
    name = visit.request.path_params["role"]
    form.check_named(name)
    await visit.rest.send("DELETE", _path(visit), form_token=form["form_token"])
    return Done("/roles", f"Role {name} removed.")


async def bind(visit: Visit, form: Form) -> Done:
    """Gives it to a subject and to all who inherit from it."""
    asked = {"subject_kind": form["subject_kind"], "subject": form["subject"]}
    await visit.rest.send("POST", f"{_path(visit)}/bindings", asked, form_token=form["form_token"])
    return Done(_page(visit), "Given; it counts at once.")


async def unbind(visit: Visit, form: Form) -> Done:
    """Takes it away."""
    path = f"{_path(visit)}/bindings/{segment(visit.request.path_params['binding'])}"
    await visit.rest.send("DELETE", path, form_token=form["form_token"])
    return Done(_page(visit), "Taken away.")


def _path(visit: Visit) -> str:
    return f"/v1/roles/{segment(visit.request.path_params['role'])}"


def _page(visit: Visit) -> str:
    return f"/roles/{segment(visit.request.path_params['role'])}"
