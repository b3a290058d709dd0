"""The SQL of metrics: rates, errors, latency and who is active, exactly, over the calls themselves."""

# ruff: noqa: S608 - the parts put together are constants of ours; values are bound parameters

from gatewayops.store.telemetry.span_filter import READ_ALL, SpanFilter, in_range, is_call, span_conditions

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
    return f"SELECT {_FIGURES} FROM spans WHERE {_calls(wanted)} {_settings(wanted)}"


def series(wanted: SpanFilter, group_by: str, *, is_of_some: bool = False) -> str:
    """Figures of all calls (`is_all`) and of each group, a step and in all (`is_total`); this is their order.

    Then the busiest first. Steps begin at multiples of `step` (nanoseconds) since 1970; those without calls
    lack. Parameters of the filter, `step`, `limit`, and `groups` (names) if `is_of_some`.
    """
    some = "AND group_name IN {groups:Array(String)}" if is_of_some else ""
    sets = "(group_name, at_ns), (group_name), (at_ns), ()" if group_by else "(at_ns), ()"
    return (
        f"SELECT {_GROUPS[group_by]} AS group_name, "
        "intDiv(toUnixTimestamp64Nano(ts), {step:Int64}) * {step:Int64} AS at_ns, "
        f"{'grouping(group_name)' if group_by else '1'} AS is_all, grouping(at_ns) AS is_total, {_FIGURES} "
        f"FROM spans WHERE {_calls(wanted)} {some} GROUP BY GROUPING SETS ({sets}) "
        "ORDER BY is_all DESC, is_total DESC, calls DESC, group_name LIMIT {limit:UInt32} "
        f"{_settings(wanted)}"
    )


def _settings(wanted: SpanFilter) -> str:
    """Planning for what cannot help takes longer than reading an hour; the projection is by server."""
    if not span_conditions(wanted):
        return READ_ALL
    other = "" if wanted.server else ", optimize_use_projections = 0"
    return f"SETTINGS use_skip_indexes = 0{other}"


def _calls(wanted: SpanFilter) -> str:
    return " AND ".join([in_range(), is_call(), *span_conditions(wanted)])
