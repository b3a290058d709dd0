"""`gatewayops issuer`: identity providers whose assertions (ID-JAG) you take for your end users."""

import click

from gatewayops.cli.door import Door, reaches_api, segment
from gatewayops.cli.shown import as_json_option, paging_options, show_json, show_page, show_pairs

_ROUTE = "/v1/identity-issuers"


@click.group()
def issuer() -> None:
    """Identity providers that vouch for your end users."""


@issuer.command("add")
@click.argument("name")
@click.argument("issuer_url", metavar="ISSUER")
@click.option("--jwks-uri", required=True, metavar="URL", help="Where its keys are.")
@as_json_option
@reaches_api()
def add(door: Door, name: str, issuer_url: str, jwks_uri: str, *, as_json: bool) -> None:
    """Take the assertions of an issuer, which is spelled as they spell it."""
    told = door.ask("POST", _ROUTE, {"name": name, "issuer": issuer_url, "jwks_uri": jwks_uri})
    if as_json:
        show_json(told)
        return
    made = told["identity_issuer"]
    show_pairs({name: made[name] for name in ("id", "name", "issuer", "jwks_uri")})


@issuer.command("list")
@paging_options
@as_json_option
@reaches_api()
def list_(door: Door, limit: int, cursor: str | None, *, as_json: bool) -> None:
    """List them."""
    told = door.ask("GET", _ROUTE, limit=limit, cursor=cursor)
    show_page(
        told,
        ["id", "name", "issuer", "keys"],
        ((row["id"], row["name"], row["issuer"], row["jwks_uri"]) for row in told["identity_issuers"]),
        empty="No issuer is trusted.",
        as_json=as_json,
    )


@issuer.command("remove")
@click.argument("issuer_id", metavar="ID")
@reaches_api()
def remove(door: Door, issuer_id: str) -> None:
    """Take no more assertions of an issuer, and end the tokens of those whom it vouched for."""
    door.ask("DELETE", f"{_ROUTE}/{segment(issuer_id)}")
    click.echo("Its assertions no longer count, and neither do the tokens of its people.")
