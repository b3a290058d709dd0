"""`gatewayops connection`: users' own accounts at MCP servers, and how we are registered for them."""

import sys
from typing import Any

import click

from gatewayops.cli.door import Door, reaches_api, segment
from gatewayops.cli.root import WrongUsage
from gatewayops.cli.shown import as_json_option, moment, paging_options, show_json, show_page, show_table

_ROUTE = "/v1/connections"
_METHODS = ("client_secret_basic", "client_secret_post", "none")
_server = click.argument("server")


@click.group()
def connection() -> None:
    """Users' own accounts at MCP servers."""


@connection.command("list")
@click.option("--user", metavar="EMAIL", help="Of this person; * for everybody.")
@paging_options
@as_json_option
@reaches_api()
def list_(door: Door, user: str | None, limit: int, cursor: str | None, *, as_json: bool) -> None:
    """List the accounts: at the machine everybody's, with a user's key or session their own."""
    told = door.ask("GET", _ROUTE, user=user, limit=limit, cursor=cursor)
    show_page(
        told,
        ["id", "user", "server", "state", "scope", "since", "token until"],
        (
            (row["id"], row["email"], row["server"], _state(row), row["scope"], moment(row["connected_at"]),
             moment(row["expires_at"]))
            for row in told["connections"]
        ),
        empty="No accounts are connected.",
        as_json=as_json,
    )  # fmt: skip


@connection.command("add")
@_server
@as_json_option
@reaches_api()
def add(door: Door, server: str, *, as_json: bool) -> None:
    """Say where a user connects an account at a server; with a key of theirs, also whether they have."""
    told = door.ask("POST", f"/v1/servers/{segment(server)}/connection")
    if as_json:
        show_json(told)
        return
    if told["connection"]:
        click.echo(f"{server}: {_state(told['connection'])}")
    click.echo(f"Open this in a browser in which you are signed in: {told['sign_in_url']}")


@connection.command("end")
@click.argument("connection_id", metavar="ID")
@as_json_option
@reaches_api()
def end(door: Door, connection_id: str, *, as_json: bool) -> None:
    """End an account's connection: the tokens are forgotten here, and revoked where they came from."""
    told = door.ask("DELETE", f"{_ROUTE}/{segment(connection_id)}")
    if as_json:
        show_json(told)
        return
    there = "revoked there too" if told["is_revoked"] else "where they came from nothing was told"
    click.echo(f"The connection {connection_id} is over: tokens are forgotten here, and {there}.")


@connection.command("client")
@_server
@click.option("--issuer", metavar="URL", help="The authorization server, exactly as it calls itself.")
@click.option("--client-id", metavar="ID", help="As what we were registered there.")
@click.option("--secret-stdin", is_flag=True, help="Read the client's secret from standard input.")
@click.option("--auth-method", type=click.Choice(_METHODS), help="How the secret is sent.")
@click.option("--remove", is_flag=True, help="Forget us at --issuer, with the accounts connected by it.")
@as_json_option
@reaches_api()
def client(door: Door, /, server: str, *, remove: bool, as_json: bool, **given: Any) -> None:  # noqa: ANN401 - options
    """Show how we are registered where a server's users sign in, or tell it."""
    route = f"/v1/servers/{segment(server)}/upstream-client"
    if (remove or given["client_id"]) and not given["issuer"]:
        msg = "--issuer says at which authorization server"
        raise WrongUsage(msg)
    if remove:
        door.ask("DELETE", route, issuer=given["issuer"])
        click.echo("Forgotten there.")
        return
    if given["client_id"]:
        secret = sys.stdin.read().strip() if given.pop("secret_stdin") else ""
        body = {name: value for name, value in given.items() if value}
        told = door.ask("PUT", route, body | ({"client_secret": secret} if secret else {}))
    else:
        told = door.ask("GET", route)
    if as_json:
        show_json(told)
        return
    show_table(
        ["issuer", "kind", "client id", "method"],
        (
            (row["issuer"], row["kind"], row["client_id"], row["auth_method"])
            for row in told["upstream_clients"]
        ),
        empty="We are not registered anywhere yet; that happens when the first user connects.",
    )
    click.echo(f"Redirect URI to register: {told['redirect_uri']}")


def _state(row: dict[str, Any]) -> str:
    if row["state"] == "connected":
        return f"connected ({row['failure']})" if row["failure"] else "connected"
    return f"needs to sign in again: {row['failure']}"
