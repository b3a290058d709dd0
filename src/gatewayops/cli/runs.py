"""`gatewayops run`: what agents did in one go, step by step, and two such runs side by side."""

from typing import Any

import click

from gatewayops.base import clock
from gatewayops.cli import times
from gatewayops.cli.directory import id_of
from gatewayops.cli.door import Door, reaches_api, segment
from gatewayops.cli.keys import key_id
from gatewayops.cli.shown import (
    Money,
    as_json_option,
    moment,
    paging_options,
    show_json,
    show_next,
    show_page,
    show_pairs,
    show_table,
)  # fmt: skip


@click.group()
def run() -> None:
    """What agents did in one go."""


@run.command("list")
@times.window_options
@click.option("--agent", metavar="NAME", help="The client's name.")
@click.option("--server", metavar="NAME", help="That the run called, among others.")
@click.option("--tool", metavar="NAME", help="That the run called, among others.")
@click.option("--outcome", type=click.Choice(["success", "recovered", "failed"]))
@click.option("--user", metavar="EMAIL", help="Or an id.")
@click.option("--team", metavar="NAME", help="Or an id.")
@click.option("--api-key", metavar="KEY", help="An id, a name or a prefix.")
@click.option("--min-steps", type=click.IntRange(min=0), metavar="NUMBER")
@click.option("--min-duration", "min_duration_ms", type=click.FloatRange(min=0), metavar="MS")
@click.option("--min-cost", type=click.FloatRange(min=0), metavar="DOLLARS")
@paging_options
@as_json_option
@reaches_api(needs_telemetry=True)
def list_(door: Door, /, *, as_json: bool, **options: Any) -> None:  # noqa: ANN401 - click's options
    """List runs that began in the last 24 hours, or in the time given, newest first."""
    period = {name: options.pop(name) for name in ("last", "start", "end")}
    asked: dict[str, Any] = dict(times.window(**period, now=clock.now()))
    for noun in ("user", "team"):
        if reference := options.pop(noun):
            asked[f"{noun}_id"] = id_of(door, noun, reference)
    if reference := options.pop("api_key"):
        asked["key_id"] = key_id(door, reference)
    told = door.ask("GET", "/v1/runs", **asked, **options)
    show_page(
        told,
        ["run", "start (UTC)", "seconds", "outcome", "steps", "errors", "servers", "agent", "user", "cost"],
        (
            (row["id"], moment(row["start_time"]), row["duration_ms"] / 1000, row["outcome"], row["steps"],
             row["errors"], row["servers"], row["agent_name"], row["user_id"], Money(row["total_cost"]))
            for row in told["runs"]
        ),
        empty="No runs began in that time.",
        as_json=as_json,
    )  # fmt: skip


@run.command("show")
@click.argument("run_id", metavar="ID")
@paging_options
@as_json_option
@reaches_api(needs_telemetry=True)
def show(door: Door, run_id: str, *, limit: int, cursor: str | None, as_json: bool) -> None:
    """Show a run: its figures and its steps in order. A trace's id stands for the run of that trace."""
    told = door.ask("GET", f"/v1/runs/{segment(run_id)}", limit=limit, cursor=cursor)
    if as_json:
        show_json(told)
        return
    found = told["run"]
    show_pairs(
        {
            "run": found["id"],
            "stitched by": found["stitched_by"],
            "start (UTC)": moment(found["start_time"]),
            "seconds": found["duration_ms"] / 1000,
            "outcome": f"{found['outcome']}, {found['steps']} steps, {found['errors']} failed",
            "cost": Money(found["total_cost"]),
            "agent": found["agent_name"],
            "user": found["user_id"],
            "key": found["key_id"],
        }
    )
    click.echo()
    show_table(
        ["at (UTC)", "ms", "status", "what", "cost", "trace"],
        (
            (moment(step["start_time"]), step["duration_ms"], _status(step), _what(step), Money(step["cost"]),
             step["trace_id"])
            for step in told["steps"]
        ),
        empty="No steps.",
    )  # fmt: skip
    show_next(told)


@run.command("compare")
@click.argument("a", metavar="A")
@click.argument("b", metavar="B")
@as_json_option
@reaches_api(needs_telemetry=True)
def compare(door: Door, a: str, b: str, *, as_json: bool) -> None:
    """Compare two runs step by step: what both did, what only one did, and what B took more than A."""
    told = door.ask("GET", "/v1/runs/compare", a=a, b=b)
    if as_json:
        show_json(told)
        return
    show_table(
        ["change", "what", "A", "B", "ms", "cost"],
        (
            (
                pair["change"].replace("_", " "),
                _what(pair["a"] or pair["b"]),
                _status(pair["a"]),
                _status(pair["b"]),
                _more(pair["duration_ms"]),
                _more_money(pair["cost"]),
            )
            for pair in told["steps"]
        ),
        empty="Neither has steps.",
    )
    more = told["difference"]
    click.echo(
        f"B beyond A: {more['steps']:+d} steps, {more['errors']:+d} failed, "
        f"{more['duration_ms'] / 1000:+,.3f} s, {_more_money(more['cost'])}"
    )
    if told["is_cut"]:
        click.echo("Only the first 1,000 steps are compared.")


def _what(step: dict[str, Any]) -> str:
    named = "/".join(filter(None, (step["server"], step["tool"] or step["resource_uri"])))
    return f"{step['operation'].removeprefix('mcp.')} {named}".strip()


def _status(step: dict[str, Any] | None) -> str:
    if step is None:
        return ""
    return f"{step['status']}: {step['reason']}" if step["reason"] else str(step["status"])


def _more(number: float | None) -> str:
    return "" if number is None else f"{number:+,.3f}"


def _more_money(number: float | None) -> str:
    return "" if number is None else f"{'-' if number < 0 else '+'}${abs(number):,.6f}"
