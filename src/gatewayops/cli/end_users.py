"""`gatewayops end-user`: the people who sign in to protected servers, and what they allowed."""

from pathlib import Path
from typing import Any

import click

from gatewayops.base.ids import random_text
from gatewayops.cli.door import Door, reaches_api, segment
from gatewayops.cli.root import Refusal
from gatewayops.cli.shown import (
    as_json_option,
    moment,
    paging_options,
    show_json,
    show_page,
    show_pairs,
    show_table,
)

_ROUTE = "/v1/end-users"
_COLUMNS = ("email", "name", "enabled", "verified", "made", "signed in")
_who = click.argument("who", metavar="EMAIL")


@click.group("end-user")
def end_user() -> None:
    """People who sign in to your MCP servers."""


@end_user.command("add")
@_who
@click.option("--name", default="", help="How they are called.")
@click.option("--generate", is_flag=True, help="Make a password and print it, instead of asking for one.")
@as_json_option
@reaches_api()
def add(door: Door, who: str, name: str, *, generate: bool, as_json: bool) -> None:
    """Add a person, who can sign in at once."""
    password = random_text(20) if generate else _asked()
    told = door.ask("POST", _ROUTE, {"email": who, "name": name, "password": password})
    if generate:
        told["password"] = password
    if as_json:
        show_json(told)
        return
    click.echo(f"{told['end_user']['email']} can sign in.")
    if generate:
        click.echo(f"Password: {password}")


@end_user.command("list")
@paging_options
@as_json_option
@reaches_api()
def list_(door: Door, limit: int, cursor: str | None, *, as_json: bool) -> None:
    """List them."""
    told = door.ask("GET", _ROUTE, limit=limit, cursor=cursor)
    show_page(
        told,
        _COLUMNS,
        (_line(row) for row in told["end_users"]),
        empty="No end users yet. Add one: gatewayops end-user add EMAIL",
        as_json=as_json,
    )


@end_user.command("show")
@_who
@as_json_option
@reaches_api()
def show(door: Door, who: str, *, as_json: bool) -> None:
    """Show one: browsers that are signed in, and apps that may act in their name."""
    known = _find(door, who)
    route = f"{_ROUTE}/{known['id']}"
    sessions = list(door.each(f"{route}/sessions", "sessions"))
    consents = list(door.each(f"{route}/consents", "consents"))
    identities = list(door.each(f"{route}/identities", "identities"))
    if as_json:
        told = {"end_user": known, "sessions": sessions, "consents": consents, "identities": identities}
        show_json(told)
        return
    show_pairs(dict(zip(_COLUMNS, _line(known), strict=True)))
    click.echo()
    if identities:
        show_table(
            ["signs in at", "as", "called there", "used"],
            ((row["issuer"], row["subject"], row["email"], moment(row["used_at"])) for row in identities),
            empty="",
        )
        click.echo()
    show_table(
        ["session", "address", "browser", "used"],
        ((row["id"], row["address"], row["user_agent"], moment(row["used_at"])) for row in sessions),
        empty="Signed in in no browser.",
    )
    click.echo()
    show_table(
        ["consent", "app", "scopes", "since"],
        ((row["id"], row["client_name"], row["scopes"], moment(row["created_at"])) for row in consents),
        empty="No app was allowed anything.",
    )


@end_user.command("password")
@_who
@reaches_api()
def password(door: Door, who: str) -> None:
    """Set a new password; all sessions and tokens end."""
    known = _find(door, who)
    door.ask("PATCH", f"{_ROUTE}/{known['id']}", {"password": _asked()})
    click.echo("The password is set; sessions and tokens of before are no longer good.")


@end_user.command("revoke")
@_who
@reaches_api()
def revoke(door: Door, who: str) -> None:
    """End all sessions and tokens; the person may sign in again."""
    door.ask("POST", f"{_ROUTE}/{_find(door, who)['id']}/revoke")
    click.echo("Sessions and tokens are no longer good.")


@end_user.command("disable")
@_who
@reaches_api()
def disable(door: Door, who: str) -> None:
    """End all sessions and tokens, and let the person in no more."""
    door.ask("PATCH", f"{_ROUTE}/{_find(door, who)['id']}", {"enabled": False})
    click.echo("They cannot sign in; sessions and tokens are no longer good.")


@end_user.command("enable")
@_who
@reaches_api()
def enable(door: Door, who: str) -> None:
    """Let a disabled person in again."""
    door.ask("PATCH", f"{_ROUTE}/{_find(door, who)['id']}", {"enabled": True})
    click.echo("They can sign in again.")


@end_user.command("verify")
@_who
@reaches_api()
def verify(door: Door, who: str) -> None:
    """Vouch for a person's address, as if they had shown that it is theirs."""
    door.ask("PATCH", f"{_ROUTE}/{_find(door, who)['id']}", {"email_verified": True})
    click.echo("The address counts as theirs.")


@end_user.command("remove")
@_who
@reaches_api()
def remove(door: Door, who: str) -> None:
    """Remove a person, with sessions, consents and tokens."""
    door.ask("DELETE", f"{_ROUTE}/{_find(door, who)['id']}")
    click.echo("The end user is removed.")


@end_user.command("export")
@click.option(
    "--kind",
    type=click.Choice(["end_users", "identities", "sessions", "consents", "clients"]),
    default="end_users",
    show_default=True,
)
@click.option("--format", "form", type=click.Choice(["csv", "jsonl"]), default="csv", show_default=True)
@click.option("--output", type=click.Path(dir_okay=False, writable=True), help="[default: standard output]")
@reaches_api()
def export(door: Door, kind: str, form: str, output: str | None) -> None:
    """Write all people, or their identities, sessions, consents or apps, as CSV or JSON Lines."""
    table = door.download(f"{_ROUTE}/export", kind=kind, format=form)
    if output is None:
        click.echo(table.decode(), nl=False)
        return
    Path(output).write_bytes(table)
    click.echo(f"{output}: {kind} as {form}, {len(table):,} bytes")


def _asked() -> str:
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))


def _find(door: Door, who: str) -> dict[str, Any]:
    """By e-mail address or id."""
    if "@" not in who:
        found: dict[str, Any] = door.ask("GET", f"{_ROUTE}/{segment(who)}")["end_user"]
        return found
    rows: list[dict[str, Any]] = door.ask("GET", _ROUTE, email=who)["end_users"]
    if not rows:
        msg = f"no end user has the address {who}"
        raise Refusal(msg)
    return rows[0]


def _line(row: dict[str, Any]) -> tuple[Any, ...]:
    enabled, verified = ("yes" if row[name] else "no" for name in ("enabled", "email_verified"))
    return (
        row["email"],
        row["name"],
        enabled,
        verified,
        moment(row["created_at"]),
        moment(row["signed_in_at"]),
    )
