"""`gatewayops team`, `project` and `user`: whom calls and costs are attributed to."""

from typing import Any

import click

from gatewayops.cli.door import Door, reaches_api
from gatewayops.cli.root import Refusal
from gatewayops.cli.shown import as_json_option, paging_options, show_json, show_page, show_pairs


@click.group()
def team() -> None:
    """Teams, a tree."""


@click.group()
def project() -> None:
    """Projects."""


@click.group()
def user() -> None:
    """People."""


@click.group()
def organization() -> None:
    """The organisation's own settings."""


@organization.command("show")
@as_json_option
@reaches_api()
def show_organization(door: Door, *, as_json: bool) -> None:
    """What is set."""
    _show_one(door.ask("GET", "/v1/organization")["organization"], as_json=as_json)


@organization.command("set")
@click.option(
    "--mask-contacts/--keep-contacts", required=True, help="Mask e-mail addresses and phone numbers."
)
@as_json_option
@reaches_api()
def set_organization(door: Door, *, mask_contacts: bool, as_json: bool) -> None:
    """Change it; records from then on follow."""
    body = {"masks_contacts": mask_contacts}
    _show_one(door.ask("PATCH", "/v1/organization", body)["organization"], as_json=as_json)


@team.command("add")
@click.argument("name")
@click.option("--parent", metavar="TEAM", help="The team above.")
@as_json_option
@reaches_api()
def add_team(door: Door, name: str, parent: str | None, *, as_json: bool) -> None:
    """Add a team."""
    _add(door, "team", {"name": name, "parent": parent}, as_json=as_json)


@project.command("add")
@click.argument("name")
@click.option("--team", metavar="TEAM", help="The team that it belongs to.")
@as_json_option
@reaches_api()
def add_project(door: Door, name: str, team: str | None, *, as_json: bool) -> None:
    """Add a project."""
    _add(door, "project", {"name": name, "team": team}, as_json=as_json)


@user.command("add")
@click.argument("email")
@click.option("--name", help="How they are called.")
@click.option("--team", metavar="TEAM", help="The team that they belong to.")
@as_json_option
@reaches_api()
def add_user(door: Door, email: str, name: str | None, team: str | None, *, as_json: bool) -> None:
    """Add a person, by e-mail address."""
    _add(door, "user", {"email": email, "name": name, "team": team}, as_json=as_json)


@team.command("list")
@paging_options
@as_json_option
@reaches_api()
def list_teams(door: Door, limit: int, cursor: str | None, *, as_json: bool) -> None:
    """List the teams."""
    _list(door, "teams", limit=limit, cursor=cursor, as_json=as_json)


@project.command("list")
@paging_options
@as_json_option
@reaches_api()
def list_projects(door: Door, limit: int, cursor: str | None, *, as_json: bool) -> None:
    """List the projects."""
    _list(door, "projects", limit=limit, cursor=cursor, as_json=as_json)


@user.command("list")
@paging_options
@as_json_option
@reaches_api()
def list_users(door: Door, limit: int, cursor: str | None, *, as_json: bool) -> None:
    """List the people."""
    _list(door, "users", limit=limit, cursor=cursor, as_json=as_json)


def id_of(door: Door, noun: str, reference: str) -> str:
    """The id of a team, project or user given by id, name or e-mail address. Raises Refusal."""
    for row in door.each(f"/v1/{noun}s", f"{noun}s"):
        if reference in (row["id"], row.get("email", row["name"])):
            return str(row["id"])
    msg = f"no {noun} is called {reference}; see gatewayops {noun} list"
    raise Refusal(msg)


def _add(door: Door, noun: str, body: dict[str, Any], *, as_json: bool) -> None:
    given = {name: value for name, value in body.items() if value is not None}
    told = door.ask("POST", f"/v1/{noun}s", given)[noun]
    _show_one(told, as_json=as_json)


def _list(door: Door, nouns: str, *, limit: int, cursor: str | None, as_json: bool) -> None:
    told = door.ask("GET", f"/v1/{nouns}", limit=limit, cursor=cursor)
    headings = list(told[nouns][0]) if told[nouns] else []
    lines = ([row[name] for name in headings] for row in told[nouns])
    show_page(told, headings, lines, empty=f"No {nouns} yet.", as_json=as_json)


def _show_one(told: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        show_json(told)
    else:
        show_pairs(told)
