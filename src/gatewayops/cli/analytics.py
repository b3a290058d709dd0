"""`gatewayops analytics`: who uses the tools, how often, in which order, and for what."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import click

from gatewayops.cli import times
from gatewayops.cli.door import Door, reaches_api
from gatewayops.cli.shown import as_json_option, show_json, show_table

_HEADLINES = (
    "users",
    "new_users",
    "returning_users",
    "sessions",
    "calls",
    "error_rate",
    "tools",
    "calls_per_session",
)
_MAX_WEEKS = 8  # columns of a table that people read


def _question(command: Callable[..., None]) -> Callable[..., None]:
    """Adds --from, --to, --server and --json, and gives the command the door."""
    command = as_json_option(reaches_api(needs_telemetry=True)(command))
    command = click.option("--server", metavar="NAME", help="Only calls to this server.")(command)
    command = click.option("--to", "end_date", metavar="DAY", help="Included [default: today].")(command)
    return click.option(
        "--from", "start_date", metavar="DAY", help="Such as 2026-05-01 [default: 30 days back]."
    )(command)


@click.group()
def analytics() -> None:
    """Who uses the tools, and how."""


@analytics.command("summary")
@_question
def summary(door: Door, *, as_json: bool, **asked: Any) -> None:  # noqa: ANN401 - click's options
    """Sum up a period beside the one before."""
    told = _told(door, "summary", asked)
    rows = []
    for name in _HEADLINES:
        now, was, changed = (told[name][field] for field in ("value", "previous", "change"))
        rows.append(
            [name.replace("_", " "), _number(name, now), _number(name, was), _percent(changed, sign="+")]
        )
    before = told["previous_period"]
    more = f"; before: {before['start']} to {before['end']}"
    _show(told, ["figure", "now", "before", "change"], rows, empty="", more=more, as_json=as_json)


@analytics.command("users")
@click.option("--by", "interval", type=click.Choice(["day", "week", "month"]), default="day")
@_question
def users(door: Door, *, as_json: bool, **asked: Any) -> None:  # noqa: ANN401 - click's options
    """Count active users, new and returning; by day also of the 7 and 30 days before."""
    told = _told(door, "active-users", asked)
    rolling = {row["date"]: row for row in told["rolling"]} if told["interval"] == "day" else {}
    headings = [told["interval"], "users", "new", "returning", "calls"]
    rows = [
        [row["start"], row["users"], row["new_users"], row["returning_users"], row["calls"]]
        for row in told["series"]
    ]
    if rolling:
        headings += ["7 days", "30 days", "stickiness"]
        for row in rows:
            day = rolling[row[0]]
            row += [day["weekly"], day["monthly"], _percent(day["stickiness"])]
    more = f"; stickiness {_percent(told['stickiness'])}"
    _show(told, headings, rows, empty="No days.", more=more, as_json=as_json)


@analytics.command("segments")
@_question
def segments(door: Door, *, as_json: bool, **asked: Any) -> None:  # noqa: ANN401 - click's options
    """Count users by how many sessions they had."""
    told = _told(door, "segments", asked)
    _show(
        told,
        ["sessions each", "users", "share", "sessions", "calls"],
        (
            (row["sessions"], row["users"], _percent(row["share"]), row["session_count"], row["calls"])
            for row in told["segments"]
        ),
        empty="",
        more=f"; {told['users']} users",
        as_json=as_json,
    )


@analytics.command("retention")
@_question
def retention(door: Door, *, as_json: bool, **asked: Any) -> None:  # noqa: ANN401 - click's options
    """Show weekly cohorts: how many of a week's new users came back in the weeks after."""
    told = _told(door, "retention", asked)
    weeks = min(_MAX_WEEKS, max((len(row["rates"]) for row in told["cohorts"]), default=0))
    _show(
        told,
        ["new in the week of", "users", *(f"+{week}" for week in range(1, weeks))],
        (
            (
                row["week"],
                row["users"],
                *_padded([_percent(rate) for rate in row["rates"][1:weeks]], weeks - 1),
            )
            for row in told["cohorts"]
        ),
        empty="No new users in that time.",
        as_json=as_json,
    )


@analytics.command("funnel")
@click.argument("steps", nargs=-1, required=True, metavar="TOOL TOOL...")
@click.option("--window", default="24h", show_default=True, help="From the first step to the last.")
@_question
def funnel(door: Door, *, steps: tuple[str, ...], window: str, as_json: bool, **asked: Any) -> None:  # noqa: ANN401
    """Show how many users called these tools in this order. TOOL is a name, or SERVER/TOOL."""
    window_s = int(times.span(window, option="--window").total_seconds())
    told = _told(door, "funnel", asked | {"step": list(steps), "window_s": window_s})
    _show(
        told,
        ["step", "tool", "users", "of the first", "of the one before"],
        (
            (number, row["tool"], row["users"], _percent(row["rate"]), _percent(row["step_rate"]))
            for number, row in enumerate(told["steps"], 1)
        ),
        empty="",
        more=f"; within {window}",
        as_json=as_json,
    )


@analytics.command("journeys")
@click.option("--length", type=click.IntRange(2, 8), default=3, show_default=True, help="Tools in a row.")
@click.option("--limit", type=click.IntRange(1, 200), default=20, show_default=True)
@_question
def journeys(door: Door, *, as_json: bool, **asked: Any) -> None:  # noqa: ANN401 - click's options
    """List the most frequent sequences of tools within a session."""
    told = _told(door, "journeys", asked)
    _show(
        told,
        ["times", "sessions", "users", "tools"],
        ((row["times"], row["sessions"], row["users"], " > ".join(row["steps"])) for row in told["journeys"]),
        empty="No sessions with so many tool calls in that time.",
        as_json=as_json,
    )


@analytics.command("tools")
@click.option("--limit", type=click.IntRange(1, 200), default=20, show_default=True)
@_question
def tools(door: Door, *, as_json: bool, **asked: Any) -> None:  # noqa: ANN401 - click's options
    """List the most called tools."""
    told = _told(door, "tools", asked)
    _show(
        told,
        ["server", "tool", "calls", "share", "errors", "users", "sessions", "before", "change"],
        (
            (row["server"], row["tool"], row["calls"], _percent(row["share"]), _percent(row["error_rate"]),
             row["users"], row["sessions"], row["previous_calls"], _percent(row["change"], sign="+"))
            for row in told["tools"]
        ),
        empty="No tool calls in that time.",
        more=f"; {told['calls']} calls",
        as_json=as_json,
    )  # fmt: skip


@analytics.command("arguments")
@click.argument("tool", metavar="TOOL")
@click.argument("field", metavar="FIELD")
@click.option("--limit", type=click.IntRange(1, 200), default=20, show_default=True)
@_question
def arguments(door: Door, *, as_json: bool, **asked: Any) -> None:  # noqa: ANN401 - click's options
    """List the most frequent values of a tool's argument, such as `search filters.language`.

    Only fields that the setting analytics.argument_fields names are shown.
    """
    told = _told(door, "arguments", asked)
    _show(
        told,
        ["value", "calls", "share", "users"],
        ((row["value"], row["calls"], _percent(row["share"]), row["users"]) for row in told["values"]),
        empty="No values in that time.",
        more=f"; {told['calls']} calls with a value",
        as_json=as_json,
    )


@analytics.command("intents")
@_question
def intents(door: Door, *, as_json: bool, **asked: Any) -> None:  # noqa: ANN401 - click's options
    """Show what calls were for, by the rules in the setting analytics.intents."""
    told = _told(door, "intents", asked)
    _show(
        told,
        ["intent", "calls", "share", "users", "sessions"],
        (
            (row["intent"] or "(none)", row["calls"], _percent(row["share"]), row["users"], row["sessions"])
            for row in told["intents"]
        ),
        empty="No tool calls in that time.",
        more=f"; {told['calls']} calls",
        as_json=as_json,
    )


def _told(door: Door, what: str, asked: dict[str, Any]) -> dict[str, Any]:
    return door.ask("GET", f"/v1/analytics/{what}", **asked)


def _show(
    told: dict[str, Any],
    headings: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    empty: str,
    as_json: bool,
    more: str = "",
) -> None:
    """A table, and below it of which period and server; or the API's object. Rows may be lazy."""
    if as_json:
        show_json(told)
        return
    show_table(headings, rows, empty=empty)
    period, server = told["period"], told["server"]
    click.echo(f"{period['start']} to {period['end']}{f', {server}' if server else ''}{more}")


def _percent(part: float | None, *, sign: str = "") -> str:
    return "-" if part is None else f"{part:{sign}.1%}"


def _number(name: str, value: float) -> str:
    if name == "error_rate":
        return _percent(value)
    return f"{value:,.1f}" if name == "calls_per_session" else f"{value:,.0f}"


def _padded(cells: list[str], count: int) -> list[str]:
    return cells + [""] * (count - len(cells))
