"""Teams, which are a tree: what a team holds, the teams below inherit."""

from starlette.responses import Response

from gatewayops.web.drawing import draw
from gatewayops.web.people import listed
from gatewayops.web.rest import Json, segment
from gatewayops.web.visit import Done, Form, Visit


async def show(visit: Visit) -> Response:
    """The tree as far as a page of the API holds teams."""
    teams = await listed.teams(visit)
    return draw(
        visit,
        "people/teams.html",
        tabs=listed.TABS,
        teams=teams,
        tree=_tree(teams, ""),
        choices=listed.choices,
    )


async def add(visit: Visit, form: Form) -> Done:
    """Below another, or at the top."""
    asked = {"name": form["name"], "parent": form["parent"]}
    await visit.rest.send("POST", "/v1/teams", asked, form_token=form["form_token"])
    return Done("/people/teams", f"Team {asked['name']} made.")


async def change(visit: Visit, form: Form) -> Done:
    """Another name or place; a place that stays is not asked for, as to move takes more."""
    team = visit.request.path_params["team"]
    asked = {"name": form["name"]}
    if form["parent"] != form["parent_before"]:
        asked["parent"] = form["parent"]
    await visit.rest.send("PATCH", f"/v1/teams/{segment(team)}", asked, form_token=form["form_token"])
    return Done("/people/teams", "Saved.")


def _tree(teams: list[Json], parent: str) -> list[Json]:
    """Each with `below`; one whose parent is not among them stands at the top."""
    known = {team["id"] for team in teams}
    here = [team for team in teams if (team["parent_id"] if team["parent_id"] in known else "") == parent]
    return [team | {"below": _tree(teams, team["id"])} for team in here]
