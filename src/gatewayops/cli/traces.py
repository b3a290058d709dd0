"""`gatewayops trace`: what was called, and how each call went."""

from typing import Any
from urllib.parse import quote

import click

from gatewayops.base import clock
from gatewayops.cli import times
from gatewayops.cli.directory import id_of
from gatewayops.cli.door import Door, reaches_api
from gatewayops.cli.keys import key_id
from gatewayops.cli.shown import (
    Money,
    as_json_option,
    moment,
    paging_options,
    show_json,
    show_page,
)  # fmt: skip
from gatewayops.cli.waterfall import trace_lines


@click.group()
def trace() -> None:
    """What was called."""


@trace.command("list")
@times.window_options
@click.option("--server", metavar="NAME")
@click.option("--tool", metavar="NAME", help="Or a prompt's name.")
@click.option("--agent", metavar="NAME", help="The client's name.")
@click.option("--env", "environment", metavar="NAME", help="The key's environment.")
@click.option(
    "--attribute", multiple=True, metavar="KEY:VALUE", help="Of a span; may be given several times."
)
@click.option(
    "--status", multiple=True, type=click.Choice(["success", "error", "timeout"]), help="Or several."
)
@click.option("--user", metavar="EMAIL", help="Or an id.")
@click.option("--team", metavar="NAME", help="Or an id.")
@click.option("--project", metavar="NAME", help="Or an id.")
@click.option("--api-key", metavar="KEY", help="An id, a name or a prefix.")
@click.option("--min-duration", "min_duration_ms", type=click.FloatRange(min=0), metavar="MS")
@click.option("--max-duration", "max_duration_ms", type=click.FloatRange(min=0), metavar="MS")
@click.option("--min-cost", type=click.FloatRange(min=0), metavar="DOLLARS")
@click.option("--max-cost", type=click.FloatRange(min=0), metavar="DOLLARS")
@click.option("--search", "query", metavar="TEXT", help="Anywhere in tool, error, request or answer.")
@paging_options
@as_json_option
@reaches_api(needs_telemetry=True)
def list_(door: Door, /, *, as_json: bool, **options: Any) -> None:  # noqa: ANN401 - click's options
    """List traces of the last 24 hours, or of the time given, newest first."""
    period = {name: options.pop(name) for name in ("last", "start", "end")}
    asked: dict[str, Any] = dict(times.window(**period, now=clock.now()))
    for noun in ("user", "team", "project"):
        if reference := options.pop(noun):
            asked[f"{noun}_id"] = id_of(door, noun, reference)
    if reference := options.pop("api_key"):
        asked["key_id"] = key_id(door, reference)
    asked |= {name: value for name, value in options.items() if value not in (None, ())}
    told = _asked(door, asked)
    show_page(
        told,
        ["trace", "start (UTC)", "ms", "status", "calls", "spans", "servers", "agent", "user", "team",
         "cost"],
        (
            (row["id"], moment(row["start_time"]), row["duration_ms"], row["status"], row["call_count"],
             row["span_count"], row["servers"], row["agent_name"], row["user_id"], row["team_id"],
             Money(row["total_cost"]))
            for row in told["traces"]
        ),
        empty="No traces in that time.",
        as_json=as_json,
    )  # fmt: skip


@trace.command("show")
@click.argument("trace_id", metavar="ID")
@as_json_option
@reaches_api(needs_telemetry=True)
def show(door: Door, trace_id: str, *, as_json: bool) -> None:
    """Show a trace: its calls as a tree with where the time went, what was sent and answered."""
    told = door.ask("GET", f"/v1/traces/{quote(trace_id, safe='')}")["trace"]
    if as_json:
        show_json(told)
        return
    for line in trace_lines(told):
        click.echo(line)


def _asked(door: Door, asked: dict[str, Any]) -> dict[str, Any]:
    if "query" in asked:
        return door.ask("POST", "/v1/traces/search", asked)
    return door.ask("GET", "/v1/traces", **asked)
