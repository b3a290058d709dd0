"""The SQL of alerts: figures of a window, of burn rates, and series of calls in equal windows.

Calls that the gateway refused for the caller's sake (no grant, a limit, bad arguments) say nothing about a
server: `judged` are the others, and `failures` those of them that did not succeed. A tool's `isError`
inside a 200 is a failure.
"""

# ruff: noqa: S608 - the parts put together are constants of ours; values are bound parameters

from gatewayops.store.telemetry.day_sums import calls
from gatewayops.store.telemetry.span_filter import in_range, is_call

PERCENTILES = (50, 90, 95, 99)
BURN_WINDOWS_S = {"m5": 300, "m30": 1_800, "h1": 3_600, "h6": 21_600}
_SPLITS = {"": (), "server": ("server",), "tool": ("server", "tool"), "team": ("team_id",)}
_IS_JUDGED = "reason NOT IN {refusals:Array(String)}"
_IS_FAILURE = f"status != 'success' AND {_IS_JUDGED}"
_FRACTIONS = ", ".join(str(percentile / 100) for percentile in PERCENTILES)


def figures(*, filters: tuple[str, ...], split_by: str) -> str:
    """One row, or one for each of a split, busiest first.

    `filters` are of server, tool, team_id, each a parameter of that name; besides `org`, `start`, `end`,
    `refusals`, `unauthenticated`, `limit`.
    """
    columns = _SPLITS[split_by]
    return (
        f"SELECT {''.join(f'{name}, ' for name in columns)}count() AS calls, "
        f"countIf({_IS_JUDGED}) AS judged, countIf({_IS_FAILURE}) AS failures, "
        "countIf(reason = 'rate_exceeded') AS limited, "
        "countIf(reason IN {unauthenticated:Array(String)}) AS refused, "
        f"quantilesIf({_FRACTIONS})(duration_ns, {_IS_JUDGED}) AS durations "
        f"FROM spans WHERE {_where(filters)}{_grouped(columns)}"
    )


def burn(*, filters: tuple[str, ...]) -> str:
    """One row: judged calls and failures of each of BURN_WINDOWS_S before `end`, as `judged_m5` and so on.

    Parameters as for `figures`; `start` is the longest window before `end`.
    """
    counts = []
    for name, seconds in BURN_WINDOWS_S.items():
        is_in = f"ts >= fromUnixTimestamp64Nano({{end:Int64}} - {seconds * 10**9}, 'UTC')"
        counts += [
            f"countIf({is_in} AND {_IS_JUDGED}) AS judged_{name}",
            f"countIf({is_in} AND {_IS_FAILURE}) AS failures_{name}",
        ]
    return f"SELECT {', '.join(counts)} FROM spans WHERE {_where(filters)}"


def attained(*, filters: tuple[str, ...]) -> str:
    """One row (judged, failures) of a period. Parameters as for `figures`, and those of day_sums.calls."""
    filtered = " AND ".join(("1", *_equal(filters)))
    return (
        f"SELECT sumIf(call_count, {_IS_JUDGED}) AS judged, sumIf(error_count, {_IS_JUDGED}) AS failures "
        f"FROM {calls()} WHERE {filtered}"
    )


def series(*, filters: tuple[str, ...], split_by: str) -> str:
    """Rows (at, the split's columns, calls, failures): windows of `step` seconds that had a call.

    `at` is when the window began, in Unix seconds. Of a split the 50 busiest.
    """
    columns = _SPLITS[split_by]
    key = f"({', '.join(columns)})" if columns else ""
    busiest = (
        f" AND {key} IN (SELECT {', '.join(columns)} FROM spans WHERE {_where(filters)} "
        f"GROUP BY {', '.join(columns)} ORDER BY count() DESC LIMIT 50)"
        if columns
        else ""
    )
    return (
        "SELECT toUnixTimestamp(toStartOfInterval(ts, toIntervalSecond({step:UInt32}))) AS at, "
        f"{''.join(f'{name}, ' for name in columns)}count() AS calls, countIf({_IS_FAILURE}) AS failures "
        f"FROM spans WHERE {_where(filters)}{busiest} GROUP BY {', '.join(('at', *columns))} ORDER BY at"
    )


def _where(filters: tuple[str, ...]) -> str:
    return " AND ".join((in_range(), is_call(), *_equal(filters)))


def _equal(filters: tuple[str, ...]) -> list[str]:
    return [f"{name} = {{{name}:String}}" for name in filters]


def _grouped(columns: tuple[str, ...]) -> str:
    return f" GROUP BY {', '.join(columns)} ORDER BY calls DESC LIMIT {{limit:UInt32}}" if columns else ""
