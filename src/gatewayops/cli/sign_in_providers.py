"""`gatewayops sign-in`: where people sign in to a protected server."""

import sys
from typing import Any

import click

from gatewayops.cli.door import Door, reaches_api, segment
from gatewayops.cli.root import Refusal, WrongUsage
from gatewayops.cli.shown import as_json_option, show_json, show_pairs, show_table

_server = click.argument("server")
_provider = click.argument("provider", metavar="NAME")
_KINDS = ("google", "github", "oidc")


@click.group("sign-in")
def sign_in() -> None:
    """Providers at which people sign in to a server of yours: Google, GitHub, any OpenID Connect.

    Whether they may have a password here: gatewayops server set SERVER --password / --no-password.
    """


def _options(command: Any) -> Any:  # noqa: ANN401 - a click decorator
    for option in (
        click.option("--secret-stdin", is_flag=True, help="Read the client's secret from standard input."),
        click.option("--scope", "scopes", multiple=True, help="What is asked for there; once for each."),
        click.option(
            "--email-domain", "email_domains", multiple=True, metavar="DOMAIN",
            help="Let in nobody else; once for each.",
        ),
        click.option(
            "--sign-up/--no-sign-up", "allows_sign_up", default=None,
            help="Whoever comes from there gets an account [default: no].",
        ),
        click.option(
            "--trust-email/--no-trust-email", "trusts_email", default=None,
            help="Take addresses for verified that it does not call so [default: no].",
        ),
        click.option("--enable/--disable", "enabled", default=None, help="Whether it is offered."),
    ):  # fmt: skip
        command = option(command)
    return command


@sign_in.command("add")
@_server
@_provider
@click.option("--kind", type=click.Choice(_KINDS), required=True)
@click.option("--client-id", required=True, metavar="ID", help="What it calls us.")
@click.option("--issuer", metavar="URL", help="Of oidc; of github for an Enterprise Server.")
@click.option(
    "--allow-private-network/--no-private-network", "allow_private_network", default=None,
    help="It may be at a private or loopback address.",
)  # fmt: skip
@_options
@as_json_option
@reaches_api()
def add(door: Door, /, server: str, provider: str, *, as_json: bool, **given: Any) -> None:  # noqa: ANN401 - options
    """Let people sign in at a provider where you registered a client; NAME is on the button."""
    told = door.ask("POST", _route(server), {"name": provider} | _body(given))
    _show(told, as_json=as_json)


@sign_in.command("list")
@_server
@as_json_option
@reaches_api()
def list_(door: Door, server: str, *, as_json: bool) -> None:
    """List a server's providers."""
    found = list(door.each(_route(server), "sign_in_providers"))
    if as_json:
        show_json({"sign_in_providers": found})
        return
    show_table(
        ["name", "kind", "issuer", "enabled", "new people", "e-mail domains"],
        (
            (
                row["name"],
                row["kind"],
                row["issuer"] or "-",
                "yes" if row["enabled"] else "no",
                "get an account" if row["allows_sign_up"] else "stay out",
                row["email_domains"] or "any",
            )
            for row in found
        ),
        empty=f"Nowhere yet. Add a provider: gatewayops sign-in add {server} Google --kind google …",
    )


@sign_in.command("set")
@_server
@_provider
@click.option("--name", "new_name", metavar="NAME", help="Another name.")
@_options
@as_json_option
@reaches_api()
def set_(
    door: Door, /, server: str, provider: str, *, new_name: str | None, as_json: bool, **given: Any  # noqa: ANN401 - options
) -> None:  # fmt: skip
    """Change what is given. Disabled, a provider lets nobody in, also who is on the way."""
    changes = ({"name": new_name} if new_name else {}) | _body(given)
    if not changes:
        msg = "nothing to change: give an option, such as --disable"
        raise WrongUsage(msg)
    told = door.ask("PATCH", _one(door, server, provider), changes)
    _show(told, as_json=as_json)


@sign_in.command("remove")
@_server
@_provider
@reaches_api()
def remove(door: Door, server: str, provider: str) -> None:
    """Let nobody in by a provider any more; accounts and sessions stay."""
    door.ask("DELETE", _one(door, server, provider))
    click.echo(
        f"Nobody signs in at {provider} any more. Sessions go on: gatewayops end-user revoke ends them."
    )


@sign_in.command("test")
@_server
@_provider
@as_json_option
@reaches_api()
def test(door: Door, server: str, provider: str, *, as_json: bool) -> None:
    """Look a provider up as a sign-in would. Exit code 1 when it cannot be used."""
    told = door.ask("POST", f"{_one(door, server, provider)}/test")
    if as_json:
        show_json(told)
        if not told["ok"]:
            click.get_current_context().exit(1)
        return
    if not told["ok"]:
        msg = f"{provider} cannot be used: {told['error']}"
        raise Refusal(msg)
    shown = f"; keys that sign: {told['keys']}" if told["keys"] else ""
    click.echo(f"{provider} is found{shown}. Whether it knows us shows at the first sign-in.")


def _body(given: dict[str, Any]) -> dict[str, Any]:
    reads_secret = given.pop("secret_stdin")
    body = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in given.items()
        if value not in (None, ())
    }
    return body | ({"client_secret": sys.stdin.read().strip()} if reads_secret else {})


def _one(door: Door, server: str, ref: str) -> str:
    """The route of the one of that name or id; a name may hold what no path can."""
    for row in door.each(_route(server), "sign_in_providers"):
        if ref in (row["id"], row["name"]):
            return f"{_route(server)}/{row['id']}"
    msg = f"{server} has no sign-in provider {ref}"
    raise Refusal(msg)


def _route(server: str) -> str:
    return f"/v1/servers/{segment(server)}/sign-in-providers"


def _show(told: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        show_json(told)
        return
    made = told["sign_in_provider"]
    show_pairs(
        {
            "id": made["id"],
            "name": made["name"],
            "kind": made["kind"],
            "issuer": made["issuer"] or "-",
            "client id": made["client_id"],
            "secret": "kept" if made["has_secret"] else "none",
            "new people": "get an account" if made["allows_sign_up"] else "stay out",
            "e-mail domains": made["email_domains"] or "any",
            "enabled": made["enabled"],
        }
    )
    for uri in made["redirect_uris"]:
        click.echo(f"Redirect URI to register there: {uri}")
