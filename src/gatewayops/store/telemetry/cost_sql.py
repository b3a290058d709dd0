"""The SQL of cost: what a period cost by group, what one trace cost, how much a key was used."""

# ruff: noqa: S608 - the parts put together are constants of ours; values are bound parameters

from gatewayops.store.telemetry.span_filter import OF_CALLS, in_range

_GROUPS = {
    "day": "toString(toDate(ts))",
    "week": "toString(toMonday(ts))",
    "month": "formatDateTime(ts, '%Y-%m')",
    "team": "team_id",
    "user": "user_id",
    "project": "project_id",
    "server": "server",
    "tool": "if(tool = '', server, concat(server, '/', tool))",
}
TIME_GROUPS = frozenset({"day", "week", "month"})
GROUPS = tuple(_GROUPS)
_FIGURES = """
    count() AS calls,
    countIf(status != 'success') AS errors,
    sum(cost_micros) AS total_micros,
    sum(input_tokens) AS total_input_tokens,
    sum(output_tokens) AS total_output_tokens
"""


def costs(group_by: str) -> str:
    """Figures a group: periods in order, other groups dearest first.

    Parameters `org`, `start`, `end`, `limit`.
    """
    order = "group_name" if group_by in TIME_GROUPS else "total_micros DESC, calls DESC, group_name"
    return (
        f"SELECT {_GROUPS[group_by]} AS group_name, {_FIGURES} FROM spans WHERE {in_range()} "
        f"AND {OF_CALLS} GROUP BY group_name ORDER BY {order} LIMIT {{limit:UInt32}}"
    )


def total() -> str:
    """One row of figures for the period. Parameters `org`, `start`, `end`."""
    return f"SELECT {_FIGURES} FROM spans WHERE {in_range()} AND {OF_CALLS}"


def trace_costs() -> str:
    """Figures by server and tool of one trace's calls, dearest first. Parameters `org`, `trace`."""
    return (
        f"SELECT server, tool, {_FIGURES} FROM spans WHERE org_id = {{org:String}} "
        f"AND trace_id = {{trace:String}} AND {OF_CALLS} "
        "GROUP BY server, tool ORDER BY total_micros DESC, server, tool"
    )


def key_usage() -> str:
    """Figures a key over all that is retained. Parameters `org`, `keys`."""
    return (
        f"SELECT key_id, max(toUnixTimestamp64Nano(ts)) AS last_ns, {_FIGURES} FROM spans "
        f"WHERE org_id = {{org:String}} AND key_id IN {{keys:Array(String)}} AND {OF_CALLS} GROUP BY key_id"
    )
