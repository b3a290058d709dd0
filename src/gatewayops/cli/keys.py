"""`gatewayops key`: API keys. A secret is shown once, when it is made."""

from typing import Any
from urllib.parse import quote

import click

from gatewayops.base import clock
from gatewayops.cli import times
from gatewayops.cli.door import Door, reaches_api
from gatewayops.cli.root import Refusal, WrongUsage
from gatewayops.cli.shown import (
    Money,
    as_json_option,
    moment,
    paging_options,
    show_json,
    show_page,
    show_pairs,
)  # fmt: skip

_ROUTE = "/v1/auth/keys"


@click.group()
def key() -> None:
    """API keys."""


@key.command("create")
@click.argument("name")
@click.option("--env", help="Part of the secret: gwo_ENV_… [default: prod].")
@click.option("--server", "servers", multiple=True, metavar="NAME", help="Only this server (repeatable).")
@click.option(
    "--action", "actions", multiple=True, metavar="ACTION", help="Such as tools.call, mcp.*, traces.read."
)
@click.option("--role", metavar="ROLE", help="Such as viewer; the key's scopes are then as wide as it needs.")
@click.option("--admin", "is_admin", is_flag=True, help="Every action on every server, and the whole API.")
@click.option("--expires", metavar="WHEN", help="Such as 30d, or 2027-01-01.")
@click.option("--user", metavar="EMAIL", help="Whom it acts for.")
@click.option("--team", metavar="NAME", help="Which team pays.")
@click.option("--project", metavar="NAME", help="Which project pays.")
@as_json_option
@reaches_api()
def create(
    door: Door, /, name: str, *, as_json: bool, is_admin: bool, expires: str | None, **options: object
) -> None:
    """Make a key. Without --server and --action it may call every server, and read traces and costs."""
    body: dict[str, Any] = {"name": name, **{option: value for option, value in options.items() if value}}
    scopes = {"mcp_servers": body.pop("servers", ()), "actions": body.pop("actions", ())}
    if is_admin and (any(scopes.values()) or "role" in body):
        msg = "--admin already holds every action on every server; leave out --role, --server and --action"
        raise WrongUsage(msg)
    if is_admin:
        scopes["actions"] = ["*"]
    body["scopes"] = {what: list(names) for what, names in scopes.items() if names}
    if expires:
        body["expires_at"] = times.expiry(expires, clock.now())
    _show_secret(door.ask("POST", _ROUTE, body), as_json=as_json)


@key.command("list")
@click.option("--revoked", "include_revoked", is_flag=True, help="Revoked keys too.")
@paging_options
@as_json_option
@reaches_api()
def list_(door: Door, limit: int, cursor: str | None, *, include_revoked: bool, as_json: bool) -> None:
    """List the keys, without secrets."""
    told = door.ask("GET", _ROUTE, limit=limit, cursor=cursor, include_revoked=include_revoked)
    show_page(
        told,
        ["id", "name", "prefix", "servers", "actions", "created", "state"],
        (
            (row["id"], row["name"], row["prefix"], row["scopes"]["mcp_servers"], row["scopes"]["actions"],
             moment(row["created_at"]), _state(row))
            for row in told["keys"]
        ),
        empty="No keys yet: gatewayops key create NAME",
        as_json=as_json,
    )  # fmt: skip


@key.command("show")
@click.argument("reference", metavar="KEY")
@as_json_option
@reaches_api(needs_telemetry=True)
def show(door: Door, reference: str, *, as_json: bool) -> None:
    """Show a key and what it has done; KEY is an id, a name or a prefix."""
    told = door.ask("GET", _path(door, reference))["key"]
    if as_json:
        show_json(told)
        return
    usage = told["usage"] or {}
    bound = told["metadata"]
    show_pairs(
        {
            "id": told["id"],
            "name": told["name"],
            "prefix": told["prefix"],
            "state": _state(told),
            "servers": told["scopes"]["mcp_servers"],
            "actions": told["scopes"]["actions"],
            "roles": told["roles"],
            "user": bound.get("user_id"),
            "team": bound.get("team_id"),
            "project": bound.get("project_id"),
            "created": moment(told["created_at"]),
            "expires": moment(told["expires_at"]),
            "calls": usage.get("calls"),
            "errors": usage.get("errors"),
            "cost": Money(usage["cost"]) if usage else None,
            "last used": moment(usage.get("last_used")),
        }
    )


@key.command("revoke")
@click.argument("reference", metavar="KEY")
@as_json_option
@reaches_api()
def revoke(door: Door, reference: str, *, as_json: bool) -> None:
    """End a key: every gateway denies it within a second. KEY is an id, a name or a prefix."""
    told = door.ask("DELETE", _path(door, reference))["key"]
    if as_json:
        show_json(told)
    else:
        click.echo(f"{told['name']} ({told['prefix']}…) is revoked.")


@key.command("rotate")
@click.argument("reference", metavar="KEY")
@as_json_option
@reaches_api()
def rotate(door: Door, reference: str, *, as_json: bool) -> None:
    """Make a new secret for a key; the one before works for 24 more hours."""
    _show_secret(door.ask("POST", f"{_path(door, reference)}/rotate"), as_json=as_json)


def _show_secret(told: dict[str, Any], *, as_json: bool) -> None:
    until = told.get("previous_valid_until")
    if as_json:
        show_json(told["key"] | ({"previous_valid_until": until} if until else {}))
        return
    made = told["key"]
    show_pairs(
        {
            "secret": made["secret"],
            "id": made["id"],
            "name": made["name"],
            "servers": made["scopes"]["mcp_servers"],
            "actions": made["scopes"]["actions"],
            "roles": made["roles"],
            "expires": moment(made["expires_at"]),
        }
    )
    if until:
        click.echo(f"The secret before works until {moment(until)} UTC.")
    click.echo(told["warning"], err=True)


def key_id(door: Door, reference: str) -> str:
    """The id of a key given by id, by a name that only one key has, or by prefix. Raises Refusal."""
    if reference.startswith("key_"):
        return reference
    found: dict[str, Any] = {
        row["id"]: row for row in door.each(_ROUTE, "keys") if reference in (row["name"], row["prefix"])
    }
    if not found:
        msg = f"no key has the id, name or prefix {reference}; see gatewayops key list"
        raise Refusal(msg)
    if len(found) > 1:
        msg = f"{len(found)} keys are called {reference}; give an id: {', '.join(found)}"
        raise Refusal(msg)
    return next(iter(found))


def _path(door: Door, reference: str) -> str:
    return f"{_ROUTE}/{quote(key_id(door, reference), safe='')}"


def _state(row: dict[str, Any]) -> str:
    if row.get("revoked_at"):
        return f"revoked {moment(row['revoked_at'])}"
    if row["expires_at"]:
        is_over = times.moment(row["expires_at"], option="expires_at") <= clock.now()
        return f"expired {moment(row['expires_at'])}" if is_over else f"until {moment(row['expires_at'])}"
    return "active"
