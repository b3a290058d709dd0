"""The SQL of metrics: rates, errors, latency and who is active, exactly, over the calls themselves."""

# ruff: noqa: S608 - the parts put together are constants of ours; values are bound parameters

from gatewayops.store.telemetry.span_filter import SpanFilter, in_range, is_call, span_conditions

_GROUPS = {"": "''", "server": "server", "team": "team_id", "key": "key_id", "status": "status"} | {
    "tool": "if(tool = '', server, concat(server, '/', tool))"
}
GROUPS = tuple(_GROUPS)
# How long a stream stayed open is no latency.
_TIMED = "method NOT IN ('stream/get', 'subscriptions/listen')"
_FIGURES = f"""
    count() AS calls,
    countIf(status != 'success') AS errors,
    quantilesExactIf(0.5, 0.95, 0.99)(duration_ns, {_TIMED}) AS percentiles,
    countIf({_TIMED}) AS timed,
    uniqExactIf(agent, agent != '') AS agents,
    uniqExactIf(user_id, user_id != '') AS users,
    uniqExactIf(key_id, key_id != '') AS keys
"""


def summary(wanted: SpanFilter) -> str:
    """One row of figures. Parameters of the filter."""
    return f"SELECT {_FIGURES} FROM spans WHERE {_calls(wanted)}"


def groups(wanted: SpanFilter, group_by: str) -> str:
    """Figures a group, busiest first. Parameters of the filter and `limit`."""
    return (
        f"SELECT {_GROUPS[group_by]} AS group_name, {_FIGURES} FROM spans WHERE {_calls(wanted)} "
        "GROUP BY group_name ORDER BY calls DESC, group_name LIMIT {limit:UInt32}"
    )


def series(wanted: SpanFilter, group_by: str) -> str:
    """Figures a group and step; steps begin at multiples of `step` since 1970. Steps without calls lack.

    Parameters of the filter, `step` (nanoseconds) and `groups`.
    """
    return (
        f"SELECT {_GROUPS[group_by]} AS group_name, "
        "intDiv(toUnixTimestamp64Nano(ts), {step:Int64}) * {step:Int64} AS at_ns, "
        f"{_FIGURES} FROM spans WHERE {_calls(wanted)} AND group_name IN {{groups:Array(String)}} "
        "GROUP BY group_name, at_ns ORDER BY group_name, at_ns"
    )


def _calls(wanted: SpanFilter) -> str:
    return " AND ".join([in_range(), is_call(), *span_conditions(wanted)])
