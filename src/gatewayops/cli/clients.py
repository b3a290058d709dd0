"""`gatewayops client`: the OAuth clients of a protected server."""

from typing import Any

import click

from gatewayops.cli.door import Door, reaches_api, segment
from gatewayops.cli.shown import as_json_option, paging_options, show_json, show_page, show_pairs
from gatewayops.identity.oauth import grant_types

_server = click.argument("server")
_METHODS = ("client_secret_basic", "client_secret_post", "none")
_GRANTS = {
    "code": grant_types.DEFAULT,
    "device": (grant_types.DEVICE_CODE,),
    "credentials": (grant_types.CLIENT_CREDENTIALS,),
    "exchange": (grant_types.TOKEN_EXCHANGE,),
    "assertion": (grant_types.JWT_BEARER,),
}


@click.group()
def client() -> None:
    """Apps through which people use your MCP servers."""


@client.command("add")
@_server
@click.argument("name")
@click.option("--redirect-uri", "redirect_uris", multiple=True, metavar="URI", help="For `code`.")
@click.option("--auth-method", type=click.Choice(_METHODS), default=_METHODS[0], show_default=True)
@click.option(
    "--grant",
    "grants",
    type=click.Choice(tuple(_GRANTS)),
    multiple=True,
    default=("code",),
    show_default=True,
)
@click.option(
    "--scope", "scopes", multiple=True, help="All that it may ask for; else what the server offers."
)
@as_json_option
@reaches_api()
def add(door: Door, /, server: str, *, as_json: bool, **given: Any) -> None:  # noqa: ANN401 - click's
    """Register an app of your own; its secret is printed once."""
    grants = given.pop("grants")
    body = {name: list(value) if isinstance(value, tuple) else value for name, value in given.items()}
    body["grant_types"] = [one for grant in grants for one in _GRANTS[grant]]
    told = door.ask("POST", _route(server), body)
    if as_json:
        show_json(told)
        return
    made = told["client"]
    show_pairs({"client_id": made["client_id"], "secret": made["secret"] or "-"})


@client.command("list")
@_server
@paging_options
@as_json_option
@reaches_api()
def list_(door: Door, server: str, limit: int, cursor: str | None, *, as_json: bool) -> None:
    """List a server's apps; most registered themselves."""
    told = door.ask("GET", _route(server), limit=limit, cursor=cursor)
    show_page(
        told,
        ["id", "name", "kind", "enabled", "sends people back to"],
        (
            (row["id"], row["name"], row["kind"], "yes" if row["enabled"] else "no", row["redirect_uris"])
            for row in told["clients"]
        ),
        empty="No app has registered yet.",
        as_json=as_json,
    )


@client.command("disable")
@_server
@click.argument("client_id", metavar="ID")
@reaches_api()
def disable(door: Door, server: str, client_id: str) -> None:
    """Give an app no more tokens, and end those that it has."""
    door.ask("DELETE", f"{_route(server)}/{segment(client_id)}")
    click.echo("The app gets no more tokens, and those that it has are no longer good.")


def _route(server: str) -> str:
    return f"/v1/servers/{segment(server)}/clients"
