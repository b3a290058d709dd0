"""`gatewayops export`: where calls go as OpenTelemetry spans."""

from typing import Any
from urllib.parse import quote

import click

from gatewayops.cli.door import Door, reaches_api
from gatewayops.cli.root import Refusal
from gatewayops.cli.shown import (
    as_json_option,
    moment,
    paging_options,
    show_json,
    show_next,
    show_pairs,
    show_table,
)

_ROUTE = "/v1/exports"
_PRESETS = ("generic", "datadog", "grafana_cloud", "honeycomb", "new_relic")
_name = click.argument("export", metavar="NAME")


@click.group()
def export() -> None:
    """Where calls go as OpenTelemetry spans."""


@export.command("add")
@click.argument("name")
@click.option("--preset", type=click.Choice(_PRESETS), default="generic", show_default=True)
@click.option("--endpoint", default="", metavar="URL", help="The base address; /v1/traces is added.")
@click.option("--ask-api-key", is_flag=True, help="Ask for the preset's key.")
@click.option("--ask-header", "asked", multiple=True, metavar="NAME", help="Ask for this header's value.")
@click.option("--server", "servers", multiple=True, metavar="NAME", help="Only calls of this server.")
@click.option(
    "--status",
    "statuses",
    multiple=True,
    type=click.Choice(("success", "error", "timeout")),
    help="Only such.",
)
@click.option("--sample", type=click.FloatRange(0, 1), default=1.0, metavar="RATIO", help="Of the traces.")
@click.option("--with-payloads", is_flag=True, help="Arguments and results too, masked as in the record.")
@click.option("--private", is_flag=True, help="The address is in a private network.")
@as_json_option
@reaches_api()
def add(door: Door, /, name: str, *, as_json: bool, **given: Any) -> None:  # noqa: ANN401 - options
    """Send calls from now on to this address too, over OTLP/HTTP."""
    asked = given["asked"]
    body = {
        "name": name,
        "preset": given["preset"],
        "endpoint": given["endpoint"],
        "api_key": click.prompt("API key", hide_input=True, err=True) if given["ask_api_key"] else "",
        "headers": {header: click.prompt(header, hide_input=True, err=True) for header in asked},
        "servers": list(given["servers"]),
        "statuses": list(given["statuses"]),
        "sample_ratio": given["sample"],
        "with_payloads": given["with_payloads"],
        "allow_private_network": given["private"],
    }
    told = door.ask("POST", _ROUTE, body=body)
    if as_json:
        show_json(told)
        return
    made = told["export"]
    click.echo(f"Calls go to {made['endpoint']} from now on. Try it: gatewayops export test {made['name']}")


@export.command("list")
@paging_options
@as_json_option
@reaches_api()
def list_(door: Door, limit: int, cursor: str | None, *, as_json: bool) -> None:
    """List the destinations, and how it goes."""
    told = door.ask("GET", _ROUTE, limit=limit, cursor=cursor)
    if as_json:
        show_json(told)
        return
    show_table(
        ["name", "endpoint", "on", "queued bytes", "sent", "refused", "overflowed", "last error"],
        (_line(row) for row in told["exports"]),
        empty="Calls are exported nowhere. Add a destination: gatewayops export add --help",
    )
    show_next(told)


@export.command("show")
@_name
@as_json_option
@reaches_api()
def show(door: Door, export: str, *, as_json: bool) -> None:
    """Show a destination: what waits, what was sent, what went wrong."""
    told = door.ask("GET", _route(export))
    if as_json:
        show_json(told)
        return
    row = told["export"]
    state = row["state"]
    show_pairs(
        {
            "id": row["id"],
            "endpoint": row["endpoint"],
            "headers": ", ".join(row["header_names"]) or "-",
            "on": "yes" if row["enabled"] else "no",
            "waiting": f"{state['queued_bytes']} bytes, the oldest for {state['oldest_age_s']} s",
            "sent": f"{state['sent']}, last {moment(state['last_sent_at'])}",
            "refused": state["refused"],
            "overflowed": state["overflowed"],
            "undecodable": state["undecodable"],
            "last error": f"{state['last_error'] or '-'} ({moment(state['last_error_at'])})",
        }
    )


@export.command("test")
@_name
@as_json_option
@reaches_api()
def test(door: Door, export: str, *, as_json: bool) -> None:
    """Send one span now and tell what the other side said."""
    told = door.ask("POST", f"{_route(export)}/test")
    if as_json:
        show_json(told)
    said = told["error"] or f"HTTP {told['status']} {told['body']}".rstrip()
    if not told["is_accepted"]:
        msg = f"the span was not taken: {said}"
        raise Refusal(msg)
    if not as_json:
        click.echo(f"The span was taken: {said}")


@export.command("remove")
@_name
@reaches_api()
def remove(door: Door, export: str) -> None:
    """Send no more calls there; what waits is removed too."""
    door.ask("DELETE", _route(export))
    click.echo("The export is removed.")


def _route(export: str) -> str:
    return f"{_ROUTE}/{quote(export, safe='')}"


def _line(row: dict[str, Any]) -> tuple[Any, ...]:
    state = row["state"]
    on = "yes" if row["enabled"] else "no"
    counts = state["queued_bytes"], state["sent"], state["refused"], state["overflowed"]
    return row["name"], row["endpoint"], on, *counts, state["last_error"]
