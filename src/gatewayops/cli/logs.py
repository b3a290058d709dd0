"""`gatewayops log`: what servers and clients logged and sent by OTLP."""

from typing import Any

import click

from gatewayops.base import clock
from gatewayops.cli import times
from gatewayops.cli.door import Door, reaches_api
from gatewayops.cli.shown import as_json_option, moment, paging_options, show_page

_SEVERITIES = ("trace", "debug", "info", "warn", "error", "fatal")


@click.group()
def log() -> None:
    """What servers and clients logged."""


@log.command("list")
@times.window_options
@click.option("--trace", "trace_id", metavar="ID")
@click.option("--severity", type=click.Choice(_SEVERITIES), help="At least this.")
@click.option("--service", metavar="NAME", help="The sender's service.name.")
@click.option("--server", metavar="NAME")
@click.option("--search", "query", metavar="TEXT", help="Anywhere in the text.")
@paging_options
@as_json_option
@reaches_api(needs_telemetry=True)
def list_(door: Door, /, *, as_json: bool, **options: Any) -> None:  # noqa: ANN401 - click's options
    """List log records of the last 24 hours, or of the time given, newest first."""
    period = {name: options.pop(name) for name in ("last", "start", "end")}
    given = {name: value for name, value in options.items() if value is not None}
    told = door.ask("GET", "/v1/logs", **times.window(**period, now=clock.now()), **given)
    show_page(
        told,
        ["time (UTC)", "severity", "service", "server", "text", "trace"],
        (
            (moment(row["time"]), row["severity_text"] or row["severity"], row["service"], row["server"],
             row["body"] or row["event_name"], row["trace_id"])
            for row in told["logs"]
        ),
        empty="No log records in that time.",
        as_json=as_json,
    )  # fmt: skip
