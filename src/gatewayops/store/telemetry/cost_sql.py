"""The SQL of cost: what a period cost by group, what one trace cost, how much a key was used.

Only calls through the gateway count; spans that others sent have no price. Past days are asked as sums
(see day_sums): their questions take the parameters that say which of them count.
"""

# ruff: noqa: S608 - the parts put together are constants of ours; values are bound parameters

from gatewayops.store.telemetry.day_sums import calls, open_calls, past_calls
from gatewayops.store.telemetry.span_filter import READ_ALL, in_extent, in_range, is_call

_GROUPS = {
    "day": "toString(day)",
    "week": "toString(toMonday(day))",
    "month": "formatDateTime(day, '%Y-%m')",
    "team": "team_id",
    "user": "user_id",
    "project": "project_id",
    "server": "server",
    "tool": "if(tool = '', server, concat(server, '/', tool))",
}
TIME_GROUPS = frozenset({"day", "week", "month"})
GROUPS = tuple(_GROUPS)
_AMOUNTS = """
    sum(cost_micros) AS total_micros,
    sum(input_tokens) AS total_input_tokens,
    sum(output_tokens) AS total_output_tokens
"""
_FIGURES = f"sum(call_count) AS calls, sum(error_count) AS errors, {_AMOUNTS}"
_OF_SPANS = f"count() AS calls, countIf(status != 'success') AS errors, {_AMOUNTS}"


def costs(group_by: str) -> str:
    """Figures a group: periods in order, other groups dearest first.

    Parameters `org`, `start`, `end`, `limit`.
    """
    order = "total_micros DESC, calls DESC, group_name"
    return f"{_grouped(group_by, calls())} ORDER BY {order} LIMIT {{limit:UInt32}} {READ_ALL}"


def costs_in_two(group_by: str) -> tuple[str, str]:
    """The same of the built days and of the others, without an order or a limit.

    To plan a question about both takes longer than to find its answer, and only one can be remembered.
    """
    return _grouped(group_by, past_calls()), f"{_grouped(group_by, open_calls())} {READ_ALL}"


def _grouped(group_by: str, calls_: str) -> str:
    return f"SELECT {_GROUPS[group_by]} AS group_name, {_FIGURES} FROM {calls_} GROUP BY group_name"


def by_day(group_by: str) -> str:
    """Rows (day_name, group_name, total_micros, calls); groups that are not in `groups` are one, unnamed.

    Parameters `org`, `start`, `end`, `groups`.
    """
    group = _GROUPS[group_by]
    return (
        f"SELECT toString(day) AS day_name, {group} IN {{groups:Array(String)}} AS is_named, "
        f"if(is_named, {group}, '') AS group_name, sum(cost_micros) AS total_micros, "
        f"sum(call_count) AS calls FROM {calls()} GROUP BY day_name, is_named, group_name {READ_ALL}"
    )


def total() -> str:
    """One row of figures for the period. Parameters `org`, `start`, `end`."""
    return f"SELECT {_FIGURES} FROM {calls()} {READ_ALL}"


def trace_costs() -> str:
    """Figures by server and tool of one trace's calls, dearest first.

    Parameters `org`, `trace`, and of its extent `first`, `last`.
    """
    return (
        f"SELECT server, tool, {_OF_SPANS} FROM spans WHERE {in_extent()} "
        f"AND trace_id = {{trace:String}} AND {is_call()} "
        "GROUP BY server, tool ORDER BY total_micros DESC, server, tool"
    )


def key_usage() -> str:
    """Figures a key, up to `end`, of all that is retained. Parameters `org`, `end`, `keys`."""
    return (
        f"SELECT key_id, max(last_ns) AS used_ns, {_FIGURES} FROM {calls(since_first=True)} "
        "WHERE key_id IN {keys:Array(String)} GROUP BY key_id"
    )


def top_tools() -> str:
    """Figures by server and tool, dearest first. Parameters `org`, `start`, `end`, `limit`."""
    return (
        f"SELECT server, tool, {_FIGURES} FROM {calls()} "
        "GROUP BY server, tool ORDER BY total_micros DESC, calls DESC, server, tool LIMIT {limit:UInt32}"
    )


def top_traces() -> str:
    """Figures by trace with `start_ns` and `servers`, dearest first; of each the part that is in the period.

    Parameters `org`, `start`, `end`, `limit`.
    """
    return (
        "SELECT trace_id, min(toUnixTimestamp64Nano(ts)) AS start_ns, "
        f"groupUniqArray(20)(server) AS servers, {_OF_SPANS} FROM spans WHERE {in_range()} AND {is_call()} "
        "GROUP BY trace_id ORDER BY total_micros DESC, calls DESC, trace_id LIMIT {limit:UInt32}"
    )


def days_with_calls() -> str:
    """Rows (day_name) in order. Parameters `org`, `start`, `end`."""
    return f"SELECT toString(day) AS day_name FROM {calls()} GROUP BY day_name ORDER BY day_name"


def charges() -> str:
    """Figures by team, project, user, server and tool, in their order. Parameters `org`, `start`, `end`."""
    subjects = "team_id, project_id, user_id, server, tool"
    return f"SELECT {subjects}, {_FIGURES} FROM {calls()} GROUP BY {subjects} ORDER BY {subjects}"


def lists_read() -> str:
    """Rows (server, agent, lists, read_bytes): how often clients read a list of tools, and how much it was.

    Parameters `org`, `start`, `end`.
    """
    return (
        "SELECT server, agent, sum(call_count) - sum(error_count) AS lists, sum(answer_bytes) AS read_bytes "
        f"FROM {calls()} WHERE method = 'tools/list' "
        "GROUP BY server, agent HAVING lists > 0 ORDER BY server, read_bytes DESC, agent"
    )


def tools_called() -> str:
    """Rows (server, tool) that were called, whatever came of it. Parameters `org`, `start`, `end`."""
    return f"SELECT DISTINCT server, tool FROM {calls()} WHERE method = 'tools/call'"
