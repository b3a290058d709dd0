"""`gatewayops role`: predefined and custom roles, and who holds them."""

from typing import Any
from urllib.parse import quote

import click

from gatewayops.cli.door import Door, reaches_api
from gatewayops.cli.root import Refusal, WrongUsage
from gatewayops.cli.shown import as_json_option, paging_options, show_json, show_page, show_pairs, show_table
from gatewayops.cli.subjects import shown, subject_argument, subject_of

_ROUTE = "/v1/roles"
_RULE = "SERVER:ACTION[:NAME], or an action of the API such as keys.read (repeatable)."

_allow = click.option("--allow", "allows", multiple=True, metavar="RULE", help=_RULE)
_deny = click.option("--deny", "denies", multiple=True, metavar="RULE", help=f"Wins over any allow. {_RULE}")
_description = click.option("--description", metavar="TEXT")


@click.group()
def role() -> None:
    """Roles, and who holds them.

    A role allows and denies: 'github:tools.*:get_*' is the tools of github that begin with get_,
    '*:resources.read' every resource of every server, 'traces.read' an action of the API.
    """


@role.command("list")
@paging_options
@as_json_option
@reaches_api()
def list_(door: Door, limit: int, cursor: str | None, *, as_json: bool) -> None:
    """List the roles: admin, developer and viewer are always there."""
    told = door.ask("GET", _ROUTE, limit=limit, cursor=cursor)
    show_page(
        told,
        ["id", "name", "predefined", "permissions", "description"],
        (
            (row["id"], row["name"], row["is_predefined"], len(row["permissions"]), row["description"])
            for row in told["roles"]
        ),
        empty="No roles.",
        as_json=as_json,
    )


@role.command("show")
@click.argument("reference", metavar="ROLE")
@as_json_option
@reaches_api()
def show(door: Door, reference: str, *, as_json: bool) -> None:
    """Show what a role says and who holds it; ROLE is an id or a name."""
    told = door.ask("GET", _path(reference))["role"]
    bindings = list(door.each(f"{_path(reference)}/bindings", "bindings"))
    if as_json:
        show_json(told | {"bindings": bindings})
        return
    _show(told)
    for binding in bindings:
        click.echo(f"held by {shown(binding['subject'])} ({binding['id']})")


@role.command("create")
@click.argument("name")
@_allow
@_deny
@_description
@as_json_option
@reaches_api()
def create(
    door: Door,
    /,
    name: str,
    *,
    allows: tuple[str, ...],
    denies: tuple[str, ...],
    description: str | None,
    as_json: bool,
) -> None:
    """Make a role of your own."""
    body = {"name": name, "description": description or "", "permissions": _permissions(allows, denies)}
    _show_one(door.ask("POST", _ROUTE, body), as_json=as_json)


@role.command("change")
@click.argument("reference", metavar="ROLE")
@_allow
@_deny
@click.option("--name", help="A new name.")
@_description
@as_json_option
@reaches_api()
def change(door: Door, /, reference: str, *, as_json: bool, **given: Any) -> None:  # noqa: ANN401 - click's options
    """Change a role for all who hold it; --allow and --deny together replace what it says."""
    permissions = _permissions(given["allows"], given["denies"])
    body = {"name": given["name"], "description": given["description"], "permissions": permissions or None}
    body = {field: value for field, value in body.items() if value is not None}
    if not body:
        msg = "say what changes: --allow, --deny, --name or --description"
        raise WrongUsage(msg)
    _show_one(door.ask("PATCH", _path(reference), body), as_json=as_json)


@role.command("remove")
@click.argument("reference", metavar="ROLE")
@reaches_api()
def remove(door: Door, reference: str) -> None:
    """Remove a role that nobody holds."""
    door.ask("DELETE", _path(reference))
    click.echo(f"The role {reference} is removed.")


@role.command("bind")
@click.argument("reference", metavar="ROLE")
@subject_argument
@as_json_option
@reaches_api()
def bind(door: Door, reference: str, words: tuple[str, ...], *, as_json: bool) -> None:
    """Give a role to SUBJECT and all who inherit from it; roles govern them from now on.

    SUBJECT is: organization, team NAME, user EMAIL, key NAME, or the id of a team, user or key.
    """
    told = door.ask("POST", f"{_path(reference)}/bindings", subject_of(door, words))["binding"]
    if as_json:
        show_json(told)
    else:
        click.echo(f"{shown(told['subject'])} holds the role {reference} ({told['id']}).")


@role.command("unbind")
@click.argument("reference", metavar="ROLE")
@subject_argument
@reaches_api()
def unbind(door: Door, reference: str, words: tuple[str, ...]) -> None:
    """Take a role from SUBJECT. Whom no role governs may do what their key's scopes say."""
    binding = _binding(door, reference, words)
    door.ask("DELETE", f"{_path(reference)}/bindings/{binding['id']}")
    click.echo(f"{shown(binding['subject'])} no longer holds the role {reference}.")


def _binding(door: Door, reference: str, words: tuple[str, ...]) -> dict[str, Any]:
    bindings = list(door.each(f"{_path(reference)}/bindings", "bindings"))
    by_id = next((row for row in bindings if words == (row["id"],)), None)
    if by_id is not None:
        return by_id
    wanted = subject_of(door, words)
    for row in bindings:
        subject = row["subject"]
        is_meant = wanted["subject"].lower() in (subject["id"].lower(), (subject["name"] or "").lower())
        is_meant = is_meant or wanted["subject_kind"] == "organization"
        if subject["kind"] == wanted["subject_kind"] and is_meant:
            return row
    msg = f"{' '.join(words)} does not hold the role {reference}; see gatewayops role show {reference}"
    raise Refusal(msg)


def _permissions(allows: tuple[str, ...], denies: tuple[str, ...]) -> list[dict[str, str]]:
    return [_permission("allow", rule) for rule in allows] + [_permission("deny", rule) for rule in denies]


def _permission(effect: str, rule: str) -> dict[str, str]:
    server, _, rest = rule.rpartition(":") if ":" not in rule else rule.partition(":")
    if not server:
        return {"effect": effect, "action": rest}
    action, _, named = rest.partition(":")
    return {"effect": effect, "server": server, "action": action or "*", "named": named or "*"}


def _path(reference: str) -> str:
    return f"{_ROUTE}/{quote(reference, safe='')}"


def _show_one(told: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        show_json(told["role"])
    else:
        _show(told["role"])


def _show(told: dict[str, Any]) -> None:
    show_pairs({field: told[field] for field in ("id", "name", "description", "is_predefined")})
    show_table(
        ["effect", "server", "action", "name"],
        (
            (row["effect"], row["server"] or "the API", row["action"], row["named"])
            for row in told["permissions"]
        ),
        empty="It says nothing: whoever holds only this may do nothing.",
    )
