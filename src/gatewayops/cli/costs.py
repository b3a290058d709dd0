"""`gatewayops cost`: what calls cost, in dollars."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from gatewayops.cli.door import Door, reaches_api
from gatewayops.cli.shown import Money, as_json_option, moment, show_json, show_table

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
    click.echo(f"{days}: {_sum(total)}{_trend(total)}")


@cost.command("top")
@click.option("--from", "start_date", metavar="DAY", help="Such as 2026-05-01 [default: 30 days back].")
@click.option("--to", "end_date", metavar="DAY", help="Included [default: today].")
@click.option("--limit", type=click.IntRange(1, 200), default=10, show_default=True, help="Of each.")
@as_json_option
@reaches_api(needs_telemetry=True)
def top(door: Door, start_date: str | None, end_date: str | None, limit: int, *, as_json: bool) -> None:
    """List the dearest tools and traces."""
    told = door.ask("GET", "/v1/costs/top", start_date=start_date, end_date=end_date, limit=limit)
    if as_json:
        show_json(told)
        return
    show_table(
        ["server", "tool", "cost", "calls", "errors"],
        (
            (row["server"], row["tool"], Money(row["cost"]), row["calls"], row["errors"])
            for row in told["tools"]
        ),
        empty="No calls in that time.",
    )
    if told["traces"]:
        click.echo()
        show_table(
            ["trace", "start (UTC)", "cost", "calls", "errors", "servers"],
            (
                (row["trace_id"], moment(row["start_time"]), Money(row["cost"]), row["calls"], row["errors"],
                 row["servers"])
                for row in told["traces"]
            ),
            empty="",
        )  # fmt: skip


@cost.command("export")
@click.option("--format", "form", type=click.Choice(["csv", "focus"]), default="csv", show_default=True)
@click.option("--from", "start_date", metavar="DAY", help="Such as 2026-05-01 [default: 30 days back].")
@click.option("--to", "end_date", metavar="DAY", help="Included [default: today].")
@click.option("--output", type=click.Path(dir_okay=False, writable=True), help="[default: standard output]")
@reaches_api(needs_telemetry=True)
def export(door: Door, form: str, start_date: str | None, end_date: str | None, output: str | None) -> None:
    """Write costs by day, team, project, user, server and tool as CSV, plain or for FOCUS 1.2."""
    table = door.download("/v1/costs/export", format=form, start_date=start_date, end_date=end_date)
    if output is None:
        click.echo(table, nl=False)
        return
    Path(output).write_bytes(table)
    rows = table.count(b"\n") - 1
    click.echo(f"{output}: {rows:,} {'row' if rows == 1 else 'rows'}")


@cost.command("tool-lists")
@click.option("--from", "start_date", metavar="DAY", help="Such as 2026-05-01 [default: 30 days back].")
@click.option("--to", "end_date", metavar="DAY", help="Included [default: today].")
@as_json_option
@reaches_api(needs_telemetry=True)
def tool_lists(door: Door, start_date: str | None, end_date: str | None, *, as_json: bool) -> None:
    """Show the tokens that each server's list of tools takes, and the tools that nobody called."""
    told = door.ask("GET", "/v1/costs/tool-lists", start_date=start_date, end_date=end_date)
    if as_json:
        show_json(told)
        return
    show_table(
        ["server", "tools", "tokens", "never called", "their tokens", "read by"],
        (
            (row["server"], row["tools"], row["tokens"], [tool["tool"] for tool in row["unused"]],
             row["unused_tokens"],
             [f"{reader['agent'] or '(unknown)'} ({reader['lists']}x)" for reader in row["read_by"]])
            for row in told["servers"]
        ),
        empty="No server's tools are known yet.",
    )  # fmt: skip
    click.echo(f"Tokens are estimated. {told['period']['start']} to {told['period']['end']}")


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


def _trend(total: Mapping[str, Any]) -> str:
    before, projection = total["previous"], total["projection"]
    said = "" if before["change"] is None else f" ({before['change']:+.1%} on the period before)"
    if projection is not None:
        said += f"; {projection['month']} is expected to cost ${projection['expected_cost']:,.6f}"
    return said


def _sum(told: Mapping[str, Any]) -> str:
    calls = told["total_calls"]
    return f"${told['total_cost']:,.6f} for {calls:,} {'call' if calls == 1 else 'calls'}"
