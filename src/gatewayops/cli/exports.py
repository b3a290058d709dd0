"""`gatewayops export`: where calls go as OpenTelemetry spans."""

from typing import Any
from urllib.parse import quote

import click

from gatewayops.cli.door import Door, reaches_api
from gatewayops.cli.root import Refusal, WrongUsage
from gatewayops.cli.shown import (
    Command,
    as_json_option,
    moment,
    paging_options,
    show_json,
    show_page,
    show_pairs,
)

_ROUTE = "/v1/exports"
_PRESETS = ("generic", "datadog", "grafana_cloud", "honeycomb", "new_relic")
_PROTOCOLS = ("http/protobuf", "http/json", "grpc")
_STATUSES = ("success", "error", "timeout")
_FIELDS = (
    *("endpoint", "protocol", "servers", "statuses", "sample_ratio", "with_payloads", "gzip"),
    "allow_private_network",
)
_name = click.argument("export", metavar="NAME")


@click.group()
def export() -> None:
    """Where calls go as OpenTelemetry spans."""


def _options(command: Command) -> Command:
    """What a destination has; None where nothing is given."""
    for option in reversed(
        (
            click.option(
                "--endpoint", metavar="URL", help="The base address; over HTTP /v1/traces is added."
            ),
            click.option("--protocol", type=click.Choice(_PROTOCOLS), help="[http/protobuf]"),
            click.option("--ask-api-key", is_flag=True, help="Ask for the preset's key."),
            click.option(
                "--ask-header", "asked", multiple=True, metavar="NAME", help="Ask for this header's value."
            ),
            click.option(
                "--server", "servers", multiple=True, metavar="NAME", help="Only calls of this server."
            ),
            click.option(
                "--status", "statuses", multiple=True, type=click.Choice(_STATUSES), help="Only such."
            ),
            click.option(
                "--sample",
                "sample_ratio",
                type=click.FloatRange(0, 1),
                metavar="RATIO",
                help="Of the traces. [1]",
            ),
            click.option(
                "--with-payloads/--without-payloads",
                default=None,
                help="Arguments and results too, masked as in the record. [without]",
            ),
            click.option("--gzip/--no-gzip", default=None, help="Compress. [gzip]"),
            click.option(
                "--private/--no-private",
                "--allow-private-network/--no-private-network",
                "allow_private_network",
                default=None,
                help="The address is in a private network.",
            ),
        )
    ):
        command = option(command)
    return command


@export.command("add")
@click.argument("name")
@click.option("--preset", type=click.Choice(_PRESETS), default="generic", show_default=True)
@_options
@as_json_option
@reaches_api()
def add(door: Door, /, name: str, preset: str, *, as_json: bool, **given: Any) -> None:  # noqa: ANN401 - options
    """Send calls from now on to this address too, over OTLP."""
    told = door.ask("POST", _ROUTE, body={"name": name, "preset": preset} | _given(given))
    if as_json:
        show_json(told)
        return
    made = told["export"]
    click.echo(f"Calls go to {made['endpoint']} from now on. Try it: gatewayops export test {made['name']}")


@export.command("set")
@_name
@_options
@click.option("--on/--off", "enabled", default=None, help="Off: nothing is queued or sent; what waits stays.")
@click.option("--all-servers", is_flag=True, help="Calls of every server.")
@click.option("--all-statuses", is_flag=True, help="Calls however they ended.")
@as_json_option
@reaches_api()
def set_(door: Door, /, export: str, *, as_json: bool, **given: Any) -> None:  # noqa: ANN401 - options
    """Change what is given, within a second.

    --ask-api-key and --ask-header replace all headers of before; another host needs them again.
    """
    changes = _given(given)
    for every, field in (("all_servers", "servers"), ("all_statuses", "statuses")):
        if given[every] and field in changes:
            msg = f"give --{every.replace('_', '-')}, or which, not both"
            raise WrongUsage(msg)
        changes |= {field: []} if given[every] else {}
    if given["enabled"] is not None:
        changes["enabled"] = given["enabled"]
    if not changes:
        msg = "nothing to change: see gatewayops export set --help"
        raise WrongUsage(msg)
    told = door.ask("PATCH", _route(export), body=changes)
    if as_json:
        show_json(told)
    else:
        click.echo("The export is changed.")


@export.command("list")
@paging_options
@as_json_option
@reaches_api()
def list_(door: Door, limit: int, cursor: str | None, *, as_json: bool) -> None:
    """List the destinations, and how it goes."""
    told = door.ask("GET", _ROUTE, limit=limit, cursor=cursor)
    show_page(
        told,
        ["name", "endpoint", "on", "queued bytes", "sent", "refused", "overflowed", "last error"],
        (_line(row) for row in told["exports"]),
        empty="Calls are exported nowhere. Add a destination: gatewayops export add --help",
        as_json=as_json,
    )


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
            "protocol": row["protocol"],
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
    if not told["is_accepted"]:
        msg = f"the span was not taken: {told['answer']}"
        raise Refusal(msg)
    if not as_json:
        click.echo(f"The span was taken: {told['answer']}")


@export.command("remove")
@_name
@reaches_api()
def remove(door: Door, export: str) -> None:
    """Send no more calls there; what waits is removed too."""
    door.ask("DELETE", _route(export))
    click.echo("The export is removed.")


def _given(options: dict[str, Any]) -> dict[str, Any]:
    """Fields of the body; secrets are asked for, so that they stay out of the shell's history."""
    body = {name: options[name] for name in _FIELDS if options[name] not in (None, ())}
    if options["ask_api_key"]:
        body["api_key"] = click.prompt("API key", hide_input=True, err=True)
    if options["asked"]:
        body["headers"] = {name: click.prompt(name, hide_input=True, err=True) for name in options["asked"]}
    return body


def _route(export: str) -> str:
    return f"{_ROUTE}/{quote(export, safe='')}"


def _line(row: dict[str, Any]) -> tuple[Any, ...]:
    state = row["state"]
    on = "yes" if row["enabled"] else "no"
    counts = state["queued_bytes"], state["sent"], state["refused"], state["overflowed"]
    return row["name"], row["endpoint"], on, *counts, state["last_error"]
