"""`gatewayops price`: what calls cost, in dollars; the rule that names most wins."""

from typing import Any

import click

from gatewayops.cli.door import Door, reaches_api
from gatewayops.cli.root import Refusal
from gatewayops.cli.shown import (
    as_json_option,
    show_json,
    show_page,
    show_pairs,
)

_ROUTE = "/v1/prices"
_FIELDS = ("per_call", "per_token_input", "per_token_output")


@click.group()
def price() -> None:
    """What calls cost, by server and tool."""


@price.command("set")
@click.option("--server", default="", help="Of this server only.")
@click.option("--tool", default="", help="Of this tool only.")
@click.option("--per-call", type=float, metavar="DOLLARS", default=0.0, show_default=True)
@click.option("--per-token-input", type=float, metavar="DOLLARS", default=0.0, show_default=True)
@click.option("--per-token-output", type=float, metavar="DOLLARS", default=0.0, show_default=True)
@as_json_option
@reaches_api()
def set_(door: Door, /, *, as_json: bool, **rule: object) -> None:
    """Set the price of a server's calls, of a tool's, or of all; it counts for calls from now on."""
    told = door.ask("PUT", _ROUTE, rule)["price"]
    if as_json:
        show_json(told)
    else:
        show_pairs(
            {
                "id": told["id"],
                "server": told["server"] or "any",
                "tool": told["tool"] or "any",
                **_amounts(told),
            }
        )


@price.command("list")
@as_json_option
@reaches_api()
def list_(door: Door, *, as_json: bool) -> None:
    """List the price rules."""
    told = door.ask("GET", _ROUTE)
    show_page(
        told,
        ["id", "server", "tool", "per call", "per input token", "per output token"],
        (
            (row["id"], row["server"] or "any", row["tool"] or "any", *_amounts(row).values())
            for row in told["prices"]
        ),
        empty="No price rules: calls cost nothing.",
        as_json=as_json,
    )


@price.command("remove")
@click.argument("rule_id", metavar="[ID]", required=False)
@click.option("--server", default="", help="The rule of this server.")
@click.option("--tool", default="", help="The rule of this tool.")
@reaches_api()
def remove(door: Door, rule_id: str | None, server: str, tool: str) -> None:
    """Take a rule away, by its id or by what it names."""
    if rule_id is None:
        rule_id = _find(door, server, tool)
    door.ask("DELETE", f"{_ROUTE}/{rule_id}")
    click.echo("The price rule is removed.")


def _find(door: Door, server: str, tool: str) -> str:
    for row in door.each(_ROUTE, "prices"):
        if (row["server"], row["tool"]) == (server, tool):
            return str(row["id"])
    msg = f"no price rule names the server {server or 'any'} and the tool {tool or 'any'}"
    raise Refusal(msg)


def _amounts(row: dict[str, Any]) -> dict[str, str]:
    return {field.replace("_", " "): f"${row[field]:.12f}".rstrip("0").rstrip(".") for field in _FIELDS}
