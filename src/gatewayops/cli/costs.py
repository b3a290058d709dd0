"""`gatewayops cost`: what calls cost, in dollars."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import click

from gatewayops.cli.door import Door, reaches_api
from gatewayops.cli.shown import Money, as_json_option, show_json, show_table

_GROUPS = ("day", "week", "month", "team", "user", "server", "tool", "project")


@click.group()
def cost() -> None:
    """What it cost."""


@cost.command("summary")
@click.option("--by", "group_by", type=click.Choice(_GROUPS), default="day", show_default=True)
@click.option("--from", "start_date", metavar="DAY", help="Such as 2026-05-01 [default: 30 days back].")
@click.option("--to", "end_date", metavar="DAY", help="Included [default: today].")
@as_json_option
@reaches_api(needs_telemetry=True)
def summary(
    door: Door, group_by: str, start_date: str | None, end_date: str | None, *, as_json: bool
) -> None:
    """Sum up a period, by day or by who and what was called."""
    told = door.ask("GET", "/v1/costs/summary", group_by=group_by, start_date=start_date, end_date=end_date)
    if as_json:
        show_json(told)
        return
    total, period = told["summary"], told["summary"]["period"]
    show_table(
        [group_by, "cost", "calls", "errors", "input tokens", "output tokens"],
        (
            (row["group"] or "(none)", Money(row["cost"]), row["calls"], row["errors"], row["input_tokens"],
             row["output_tokens"])
            for row in told["breakdown"]
        ),
        empty="No calls in that time.",
    )  # fmt: skip
    days = f"{period['start']} to {period['end']}"
    click.echo(f"{days}: {_sum(total)}")


@cost.command("trace")
@click.argument("trace_id", metavar="ID")
@as_json_option
@reaches_api(needs_telemetry=True)
def trace(door: Door, trace_id: str, *, as_json: bool) -> None:
    """What one trace cost, by server and tool."""
    told = door.ask("GET", f"/v1/costs/trace/{quote(trace_id, safe='')}")
    if as_json:
        show_json(told)
        return
    show_table(
        ["server", "tool", "cost", "calls", "errors"],
        (
            (row["server"], row["tool"], Money(row["cost"]), row["calls"], row["errors"])
            for row in told["breakdown"]
        ),
        empty="No calls.",
    )
    click.echo(f"{told['trace_id']}: {_sum(told)}")


def _sum(told: Mapping[str, Any]) -> str:
    calls = told["total_calls"]
    return f"${told['total_cost']:,.6f} for {calls:,} {'call' if calls == 1 else 'calls'}"
