"""Policies: one rule each, held by a subject without a role between."""

import asyncio

from starlette.responses import Response

from gatewayops.web.drawing import draw
from gatewayops.web.people import listed
from gatewayops.web.rest import segment
from gatewayops.web.roles import rules
from gatewayops.web.visit import Done, Form, Visit

_ROWS = 50
_PAGE = "/roles/policies"


async def show(visit: Visit) -> Response:
    """All, or those of one subject."""
    kind = visit.asked("subject_kind")
    found, teams = await asyncio.gather(
        visit.rest.get(
            "/v1/policies",
            limit=_ROWS,
            cursor=visit.asked("cursor"),
            subject_kind=kind,
            subject=visit.asked("subject") if kind else "",
        ),
        listed.teams(visit),
    )
    return draw(
        visit, "roles/policies.html", tabs=rules.tabs(visit), found=found, teams=teams, kinds=rules.KINDS
    )


async def show_one(visit: Visit) -> Response:
    """The editor."""
    found = await visit.rest.get(_path(visit))
    return draw(visit, "roles/policy.html", policy=found["policy"])


async def add(visit: Visit, form: Form) -> Done:
    """From now on."""
    fields = ("subject_kind", "subject", "description")
    asked = rules.one(form) | {field: form[field] for field in fields}
    await visit.rest.send("POST", "/v1/policies", asked, form_token=form["form_token"])
    return Done(_PAGE, "Policy made; gateways follow within a second.")


async def change(visit: Visit, form: Form) -> Done:
    """Whom it is for stays."""
    asked = rules.one(form) | {"description": form["description"]}
    await visit.rest.send("PATCH", _path(visit), asked, form_token=form["form_token"])
    return Done(_PAGE, "Saved; gateways follow within a second.")


async def remove(visit: Visit, form: Form) -> Done:
    """At once."""
    form.check_named("remove")
    await visit.rest.send("DELETE", _path(visit), form_token=form["form_token"])
    return Done(_PAGE, "Policy removed.")


def _path(visit: Visit) -> str:
    return f"/v1/policies/{segment(visit.request.path_params['policy'])}"
