"""`gatewayops metrics`: calls a second, errors, latency, and who is active."""

from typing import Any

import click

from gatewayops.base import clock
from gatewayops.cli import times
from gatewayops.cli.directory import id_of
from gatewayops.cli.door import Door, reaches_api
from gatewayops.cli.keys import key_id
from gatewayops.cli.shown import (
    Command,
    as_json_option,
    moment,
    paging_options,
    show_json,
    show_page,
    show_pairs,
    show_table,
)  # fmt: skip

_HEADINGS = ("calls", "calls/s", "errors", "p50 ms", "p95 ms", "p99 ms", "agents", "users", "keys")

_OF_A_POINT = ("value", "count", "sum", "min", "max")


def _which(command: Command) -> Command:
    for option in (
        click.option("--api-key", metavar="KEY", help="An id, a name or a prefix."),
        click.option("--user", metavar="EMAIL", help="Or an id."),
        click.option("--team", metavar="NAME", help="Or an id."),
        click.option("--agent", metavar="NAME", help="The client's name."),
        click.option("--tool", metavar="NAME"),
        click.option("--server", metavar="NAME"),
        times.window_options,
    ):
        command = option(command)
    return command


@click.group()
def metrics() -> None:
    """How much, how fast, how well."""


@metrics.command("summary")
@_which
@as_json_option
@reaches_api(needs_telemetry=True)
def summary(door: Door, /, *, as_json: bool, **options: Any) -> None:  # noqa: ANN401 - click's options
    """Sum up the last hour, or the time given."""
    told = door.ask("GET", "/v1/metrics/summary", **_asked(door, options))
    if as_json:
        show_json(told)
        return
    show_pairs(
        {"window (UTC)": f"{moment(told['start_time'])} to {moment(told['end_time'])}"}
        | dict(zip(_HEADINGS, _cells(told["figures"]), strict=True))
    )


@metrics.command("series")
@click.option("--by", "group_by", type=click.Choice(["server", "tool", "team", "key", "status"]))
@click.option("--step", metavar="SPAN", help="Such as 1m or 1h [default: about 120 of them].")
@_which
@as_json_option
@reaches_api(needs_telemetry=True)
def series(door: Door, /, *, group_by: str | None, step: str | None, as_json: bool, **options: Any) -> None:  # noqa: ANN401 - click's options
    """The last hour, or the time given, step by step; steps without calls are left out of the table."""
    asked = _asked(door, options)
    if step:
        asked["step_s"] = int(times.span(step, option="--step").total_seconds())
    told = door.ask("GET", "/v1/metrics/series", group_by=group_by, **asked)
    if as_json:
        show_json(told)
        return
    show_table(
        ["time (UTC)", group_by or "of", *_HEADINGS],
        (
            (moment(point["time"]), group["group"] or ("(none)" if group_by else "all"), *_cells(point))
            for group in told["groups"]
            for point in group["points"]
            if point["calls"]
        ),
        empty="No calls in that time.",
    )
    if told["has_more_groups"]:
        click.echo(f"Only the {len(told['groups'])} busiest are shown.")


def _asked(door: Door, options: dict[str, Any]) -> dict[str, Any]:
    period = {name: options.pop(name) for name in ("last", "start", "end")}
    asked: dict[str, Any] = dict(times.window(**period, now=clock.now()))
    for noun in ("user", "team"):
        if reference := options.pop(noun):
            asked[f"{noun}_id"] = id_of(door, noun, reference)
    if reference := options.pop("api_key"):
        asked["key_id"] = key_id(door, reference)
    return asked | {name: value for name, value in options.items() if value is not None}


def _cells(figures: dict[str, Any]) -> tuple[Any, ...]:
    errors = f"{figures['errors']} ({figures['error_rate']:.1%})"
    times_ms = tuple(figures[f"p{share}_ms"] for share in (50, 95, 99))
    active = tuple(figures[f"active_{noun}"] for noun in ("agents", "users", "keys"))
    return (figures["calls"], f"{figures['calls_per_s']:.3f}", errors, *times_ms, *active)


@metrics.command("exported")
@click.option("--service", metavar="NAME", help="The sender's service.name.")
@click.option("--server", metavar="NAME")
@times.window_options
@paging_options
@as_json_option
@reaches_api(needs_telemetry=True)
def exported(door: Door, /, *, as_json: bool, **options: Any) -> None:  # noqa: ANN401 - click's options
    """List metrics that servers and clients sent by OTLP, in the last 24 hours or the time given."""
    told = door.ask("GET", "/v1/metrics/exported", **_in_period(options))
    show_page(
        told,
        ["metric", "kind", "unit", "temporality", "services", "servers", "points", "last (UTC)"],
        (
            (row["name"], row["kind"], row["unit"], row["temporality"], row["services"], row["servers"],
             row["points"], moment(row["last_time"]))
            for row in told["metrics"]
        ),
        empty="No metrics were sent in that time.",
        as_json=as_json,
    )  # fmt: skip


@metrics.command("show")
@click.argument("name")
@click.option("--service", metavar="NAME", help="The sender's service.name.")
@click.option("--server", metavar="NAME")
@click.option("--step", metavar="SPAN", help="Such as 1m or 1h [default: about 120 of them].")
@times.window_options
@as_json_option
@reaches_api(needs_telemetry=True)
def show(door: Door, /, *, name: str, step: str | None, as_json: bool, **options: Any) -> None:  # noqa: ANN401 - click's options
    """Show a metric that was sent by OTLP, step by step: the last hour, or the time given."""
    asked = _in_period(options)
    if step:
        asked["step_s"] = int(times.span(step, option="--step").total_seconds())
    told = door.ask("GET", "/v1/metrics/exported/series", name=name, **asked)
    if as_json:
        show_json(told)
        return
    show_table(
        ["time (UTC)", "service", "server", "attributes", *_OF_A_POINT],
        (
            (moment(point["time"]), one["service"], one["server"],
             [f"{key}={value}" for key, value in one["attributes"].items()],
             *(point[what] for what in _OF_A_POINT))
            for one in told["series"]
            for point in one["points"]
        ),
        empty="No such metric was sent in that time.",
    )  # fmt: skip
    if told["has_more_series"]:
        click.echo(f"Only {len(told['series'])} series are shown: ask for a service or a server.")


def _in_period(options: dict[str, Any]) -> dict[str, Any]:
    period = {name: options.pop(name) for name in ("last", "start", "end")}
    return dict(times.window(**period, now=clock.now())) | {
        name: value for name, value in options.items() if value is not None
    }
