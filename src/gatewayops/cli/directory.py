"""`gatewayops team`, `project` and `user`: whom calls and costs are attributed to."""

import sys
from typing import Any

import click

from gatewayops.cli.door import Door, reaches_api, segment
from gatewayops.cli.root import Refusal, WrongUsage
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
    "--mask-contacts/--keep-contacts", default=None, help="Mask e-mail addresses and phone numbers."
)
@click.option(
    "--second-factor",
    type=click.Choice(["off", "required"]),
    help="Whether who signs in must have one, from the next sign-in on.",
)
@as_json_option
@reaches_api()
def set_organization(
    door: Door, *, mask_contacts: bool | None, second_factor: str | None, as_json: bool
) -> None:
    """Change it; records from then on follow."""
    body = {"masks_contacts": mask_contacts, "second_factor": second_factor}
    given = {name: value for name, value in body.items() if value is not None}
    if not given:
        msg = "say what to change: --mask-contacts, --keep-contacts or --second-factor"
        raise WrongUsage(msg)
    _show_one(door.ask("PATCH", "/v1/organization", given)["organization"], as_json=as_json)


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


@user.command("invite")
@click.argument("email")
@click.option("--role", metavar="ROLE", help="What they may do, such as viewer.")
@click.option("--team", metavar="TEAM", help="The team that they will belong to.")
@as_json_option
@reaches_api()
def invite_user(door: Door, email: str, role: str | None, team: str | None, *, as_json: bool) -> None:
    """Send somebody a link to join and to choose a password."""
    body = {"email": email, "role": role, "team": team}
    given = {name: value for name, value in body.items() if value is not None}
    told = door.ask("POST", "/v1/invitations", given)
    if as_json:
        show_json(told)
        return
    show_pairs(told["invitation"] | {"mail": told["mail"]})


@user.command("invitations")
@paging_options
@as_json_option
@reaches_api()
def list_invitations(door: Door, limit: int, cursor: str | None, *, as_json: bool) -> None:
    """List who was invited."""
    _list(door, "invitations", limit=limit, cursor=cursor, as_json=as_json)


@user.command("uninvite")
@click.argument("invitation")
@reaches_api()
def withdraw_invitation(door: Door, invitation: str) -> None:
    """Withdraw an invitation, by its id."""
    door.ask("DELETE", f"/v1/invitations/{segment(invitation)}")
    click.echo(f"The invitation {invitation} is withdrawn.")


@user.command("disable")
@click.argument("email")
@reaches_api()
def disable_user(door: Door, email: str) -> None:
    """Shut somebody out: their sessions end, their keys are denied."""
    door.ask("POST", f"/v1/users/{id_of(door, 'user', email)}/disable")
    click.echo(f"{email} is shut out.")


@user.command("enable")
@click.argument("email")
@reaches_api()
def enable_user(door: Door, email: str) -> None:
    """Let somebody in again."""
    door.ask("POST", f"/v1/users/{id_of(door, 'user', email)}/enable")
    click.echo(f"{email} may sign in again.")


@user.command("factors")
@click.argument("email")
@as_json_option
@reaches_api()
def show_factors(door: Door, email: str, *, as_json: bool) -> None:
    """Show somebody's second factors."""
    told = door.ask("GET", f"/v1/users/{id_of(door, 'user', email)}/factors")
    if as_json:
        show_json(told)
        return
    names = ", ".join(one["name"] for one in told["passkeys"])
    show_pairs(told | {"passkeys": names or None})


@user.command("reset-factors")
@click.argument("email")
@reaches_api()
def reset_factors(door: Door, email: str) -> None:
    """Take all second factors from somebody who lost theirs, and sign them out; a mail tells them."""
    door.ask("DELETE", f"/v1/users/{id_of(door, 'user', email)}/factors")
    click.echo(f"{email} has no second factor any more, and is signed out everywhere.")


@user.command("set-password")
@click.argument("email")
@click.option("--password-stdin", "reads_stdin", is_flag=True, help="Read it from standard input.")
@reaches_api()
def set_password(door: Door, email: str, *, reads_stdin: bool) -> None:
    """Set somebody's password, at the machine only (--data); their sessions end."""
    if reads_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    else:
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    user_id = id_of(door, "user", email)
    door.ask("PUT", f"/v1/users/{user_id}/password", {"password": password})
    click.echo(f"{email} has a new password.")


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
