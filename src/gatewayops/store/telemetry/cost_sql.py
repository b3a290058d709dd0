"""The SQL of cost: what a period cost by group, what one trace cost, how much a key was used.

Only calls through the gateway count; spans that others sent have no price.
"""

# ruff: noqa: S608 - the parts put together are constants of ours; values are bound parameters

from gatewayops.store.telemetry.span_filter import in_extent, in_range, is_call

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
        f"SELECT {_GROUPS[group_by]} AS group_name, {_FIGURES} FROM spans WHERE {in_range()} AND {is_call()} "
        f"GROUP BY group_name ORDER BY {order} LIMIT {{limit:UInt32}}"
    )


def by_day(group_by: str) -> str:
    """Rows (day, group_name, total_micros, calls); groups that are not in `groups` are one, without a name.

    Parameters `org`, `start`, `end`, `groups`.
    """
    group = _GROUPS[group_by]
    return (
        f"SELECT toString(toDate(ts)) AS day, {group} IN {{groups:Array(String)}} AS is_named, "
        f"if(is_named, {group}, '') AS group_name, sum(cost_micros) AS total_micros, count() AS calls "
        f"FROM spans WHERE {in_range()} AND {is_call()} GROUP BY day, is_named, group_name"
    )


def total() -> str:
    """One row of figures for the period. Parameters `org`, `start`, `end`."""
    return f"SELECT {_FIGURES} FROM spans WHERE {in_range()} AND {is_call()}"


def trace_costs() -> str:
    """Figures by server and tool of one trace's calls, dearest first.

    Parameters `org`, `trace`, and of its extent `first`, `last`.
    """
    return (
        f"SELECT server, tool, {_FIGURES} FROM spans WHERE {in_extent()} "
        f"AND trace_id = {{trace:String}} AND {is_call()} "
        "GROUP BY server, tool ORDER BY total_micros DESC, server, tool"
    )


def key_usage() -> str:
    """Figures a key over all that is retained. Parameters `org`, `keys`."""
    return (
        f"SELECT key_id, max(toUnixTimestamp64Nano(ts)) AS last_ns, {_FIGURES} FROM spans "
        f"WHERE org_id = {{org:String}} AND key_id IN {{keys:Array(String)}} AND {is_call()} GROUP BY key_id"
    )


def top_tools() -> str:
    """Figures by server and tool, dearest first. Parameters `org`, `start`, `end`, `limit`."""
    return (
        f"SELECT server, tool, {_FIGURES} FROM spans WHERE {in_range()} AND {is_call()} "
        "GROUP BY server, tool ORDER BY total_micros DESC, calls DESC, server, tool LIMIT {limit:UInt32}"
    )


def top_traces() -> str:
    """Figures by trace with `start_ns` and `servers`, dearest first; of each the part that is in the period.

    Parameters `org`, `start`, `end`, `limit`.
    """
    return (
        "SELECT trace_id, min(toUnixTimestamp64Nano(ts)) AS start_ns, "
        f"groupUniqArray(20)(server) AS servers, {_FIGURES} FROM spans WHERE {in_range()} AND {is_call()} "
        "GROUP BY trace_id ORDER BY total_micros DESC, calls DESC, trace_id LIMIT {limit:UInt32}"
    )


def days_with_calls() -> str:
    """Rows (day) in order. Parameters `org`, `start`, `end`."""
    return (
        f"SELECT toString(toDate(ts)) AS day FROM spans WHERE {in_range()} AND {is_call()} "
        "GROUP BY day ORDER BY day"
    )


def charges() -> str:
    """Figures by team, project, user, server and tool, in their order. Parameters `org`, `start`, `end`."""
    subjects = "team_id, project_id, user_id, server, tool"
    return (
        f"SELECT {subjects}, {_FIGURES} FROM spans WHERE {in_range()} AND {is_call()} "
        f"GROUP BY {subjects} ORDER BY {subjects}"
    )


def lists_read() -> str:
    """Rows (server, agent, lists, answer_bytes): how often clients read a list of tools, and how much it was.

    Parameters `org`, `start`, `end`.
    """
    return (
        "SELECT server, agent, count() AS lists, sum(response_bytes) AS answer_bytes FROM spans "
        f"WHERE {in_range()} AND {is_call()} AND method = 'tools/list' AND status = 'success' "
        "GROUP BY server, agent ORDER BY server, answer_bytes DESC, agent"
    )


def tools_called() -> str:
    """Rows (server, tool) that were called, whatever came of it. Parameters `org`, `start`, `end`."""
    return (
        f"SELECT DISTINCT server, tool FROM spans WHERE {in_range()} AND {is_call()} "
        "AND method = 'tools/call'"
    )
