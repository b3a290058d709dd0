"""`gatewayops branding`: how the pages look on which people sign in to a server of yours."""

import base64
from pathlib import Path
from typing import Any

import click

from gatewayops.cli.door import Door, reaches_api, segment
from gatewayops.cli.root import WrongUsage
from gatewayops.cli.shown import as_json_option, show_json, show_pairs

_server = click.argument("server", metavar="SERVER")


@click.group()
def branding() -> None:
    """Name, logo and colour of a server's sign-in pages."""


@branding.command("show")
@_server
@as_json_option
@reaches_api()
def show(door: Door, server: str, *, as_json: bool) -> None:
    """Show how a server's pages look."""
    _show(door.ask("GET", _route(server)), as_json=as_json)


@branding.command("set")
@_server
@click.option("--product-name", metavar="NAME", help="What people call the server.")
@click.option("--accent", "accent_color", metavar="#RRGGBB", help="Colour of links and buttons.")
@click.option("--terms", "terms_url", metavar="URL", help="Terms of use; https.")
@click.option("--privacy", "privacy_url", metavar="URL", help="Privacy policy; https.")
@click.option("--support", "support_email", metavar="EMAIL", help="Where people get help.")
@click.option(
    "--logo", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="PNG, JPEG or WebP."
)
@as_json_option
@reaches_api()
def set_(door: Door, /, server: str, logo: Path | None, *, as_json: bool, **given: Any) -> None:  # noqa: ANN401 - click's
    """Change what is given; '' makes a thing as it was at first."""
    changes = {name: value for name, value in given.items() if value is not None}
    if not changes and logo is None:
        msg = "nothing to change: give an option, such as --product-name 'Acme Notes'"
        raise WrongUsage(msg)
    if logo is not None:  # first: it is what may be refused
        image = base64.b64encode(logo.read_bytes()).decode()
        told = door.ask("PUT", f"{_route(server)}/logo", {"image": image})
    if changes:
        told = door.ask("PATCH", _route(server), changes)
    _show(told, as_json=as_json)


@branding.command("remove")
@_server
@click.option("--logo", "only_logo", is_flag=True, help="Only the logo.")
@reaches_api()
def remove(door: Door, server: str, *, only_logo: bool) -> None:
    """Make a server's pages look as they did at first."""
    door.ask("DELETE", f"{_route(server)}/logo" if only_logo else _route(server))
    click.echo("The logo is removed." if only_logo else "The pages look as they did at first.")


def _show(told: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        show_json(told["branding"])
        return
    row = told["branding"]
    show_pairs(
        {
            "product name": row["product_name"],
            "accent": row["accent_color"],
            "on light pages": row["accent_on_light"],
            "on dark pages": row["accent_on_dark"],
            "terms": row["terms_url"],
            "privacy": row["privacy_url"],
            "support": row["support_email"],
            "logo": row["logo_url"],
        }
    )


def _route(server: str) -> str:
    return f"/v1/servers/{segment(server)}/branding"
