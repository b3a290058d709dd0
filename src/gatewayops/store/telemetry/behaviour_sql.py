"""The SQL of what users do: funnels, journeys, tools, argument values, intents.

All questions take the parameters `org`, `start`, `end` (Unix nanoseconds) and `server` (empty for all), and
count calls of tools whatever their end.
"""

# ruff: noqa: S608 - the parts put together are constants of ours; values are bound parameters

from collections.abc import Iterable, Sequence
from typing import Any

from gatewayops.store.telemetry.analytics_sql import (
    TOOL_CALL,
    TOOL_NAME,
    WHO,
    calls,
    in_sessions,
    in_visits,
)

_TOOL_CALLS = f"{calls()} AND {TOOL_CALL}"
_SCALAR = "IN ('String', 'Int64', 'UInt64', 'Double', 'Bool')"
_LONGEST_VALUE = 200  # characters


def funnel(step_count: int) -> str:
    """Rows (reached, users): how many users came so far and no further.

    Parameters besides: `window` (nanoseconds), and `step0`, `step1`… as `tool` or `server/tool`.
    """
    steps = ", ".join(
        f"tool = {{step{number}:String}} OR {TOOL_NAME} = {{step{number}:String}}"
        for number in range(step_count)
    )
    reached = (
        f"windowFunnel({{window:UInt64}}, 'strict_increase')(toUInt64(toUnixTimestamp64Nano(ts)), {steps})"
    )
    return (
        f"SELECT reached, count() AS users FROM (SELECT {reached} AS reached FROM spans "
        f"WHERE {_TOOL_CALLS} GROUP BY {WHO}) WHERE reached > 0 GROUP BY reached ORDER BY reached"
    )


def journeys() -> str:
    """Rows (steps, times, sessions, users): sequences of tools called one after the other in a session.

    Most frequent first. Parameters besides: `length`, `limit`.
    """
    named = f"groupArray((ts, span_id, {TOOL_NAME}))"
    return (
        "SELECT steps, count() AS times, uniqExact(visit) AS sessions, uniqExact(who) AS users FROM "
        f"(SELECT visit, any(who) AS who, arrayMap(call -> call.3, arraySort({named})) AS names, "
        "arrayJoin(arrayMap(at -> arraySlice(names, at, {length:UInt8}), "
        "range(1, toInt64(length(names)) - {length:UInt8} + 2))) AS steps "
        f"FROM {in_sessions('span_id', 'method', 'server', 'tool')} WHERE {TOOL_CALL} GROUP BY visit) "
        "GROUP BY steps ORDER BY times DESC, steps LIMIT {limit:UInt32}"
    )


def tools() -> str:
    """Rows (server, tool, calls, errors, users, sessions, all_calls), most called first.

    Parameters besides: `limit`.
    """
    number = "sipHash64(server, tool)"
    visits = in_visits(f"if({TOOL_CALL}, {number}, 0)")
    return (
        "SELECT server, tool, calls, errors, users, sessions, all_calls FROM "
        "(SELECT server, tool, count() AS calls, countIf(status != 'success') AS errors, "
        f"uniqExact({WHO}) AS users, sum(count()) OVER () AS all_calls, {number} AS tool_number "
        f"FROM spans WHERE {_TOOL_CALLS} GROUP BY server, tool "
        "ORDER BY calls DESC, server, tool LIMIT {limit:UInt32}) AS called "
        f"LEFT JOIN (SELECT value, count() AS sessions FROM {visits} GROUP BY value) AS visited "
        "ON called.tool_number = visited.value ORDER BY calls DESC, server, tool"
    )


def calls_of_tools() -> str:
    """Rows (server, tool, calls) of the pairs in the parameter `tools`."""
    return (
        f"SELECT server, tool, count() AS calls FROM spans WHERE {_TOOL_CALLS} "
        "AND (server, tool) IN {tools:Array(Tuple(String, String))} GROUP BY server, tool"
    )


def arguments(depth: int) -> str:
    """Rows (value, calls, users, all_calls): texts, numbers and booleans in one field of a tool's arguments.

    Most frequent first; of long texts the beginning. `all_calls` are those that have a value. Parameters
    besides: `tool`, `key0`, `key1`… (the path of the field), `limit`.
    """
    field = "request_body, " + ", ".join(f"{{key{number}:String}}" for number in range(depth))
    kind = f"JSONType({field})"
    text = f"if({kind} = 'String', JSONExtractString({field}), JSONExtractRaw({field}))"
    return (
        "SELECT value, count() AS calls, uniqExact(who) AS users, sum(count()) OVER () AS all_calls FROM "
        f"(SELECT {WHO} AS who, substringUTF8({text}, 1, {_LONGEST_VALUE}) AS value FROM spans "
        f"WHERE {_TOOL_CALLS} AND tool = {{tool:String}} AND toString({kind}) {_SCALAR}) "
        "GROUP BY value ORDER BY calls DESC, value LIMIT {limit:UInt32}"
    )


def intents(rules: Sequence[Sequence[str]]) -> tuple[str, dict[str, Any]]:
    """Rows (rule, calls, users, sessions) by the first rule that names the tool, and the patterns' values.

    `rule` is its place; calls that no rule names have the place after the last.
    """
    values = {f"rule{at}_{of}": like(p) for at, rule in enumerate(rules) for of, p in enumerate(rule)}
    cases = "".join(f"{_any_of(at, rule)}, {at}, " for at, rule in enumerate(rules) if rule)
    number = f"multiIf({cases}{len(rules)})" if cases else str(len(rules))
    visits = in_visits(f"if({TOOL_CALL}, 1 + {number}, 0)")
    return (
        "SELECT rule, calls, users, sessions FROM "
        f"(SELECT toUInt64({number}) AS rule, count() AS calls, uniqExact({WHO}) AS users "
        f"FROM spans WHERE {_TOOL_CALLS} GROUP BY rule) AS called "
        f"LEFT JOIN (SELECT value, count() AS sessions FROM {visits} GROUP BY value) AS visited "
        "ON called.rule + 1 = visited.value ORDER BY rule"
    ), values


def like(pattern: str) -> str:
    """A pattern with `*` for any text, as LIKE has it."""
    escaped = pattern.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return escaped.replace("*", "%")


def _any_of(at: int, rule: Iterable[str]) -> str:
    names = [f"{{rule{at}_{of}:String}}" for of, _ in enumerate(rule)]
    return " OR ".join(f"tool LIKE {name} OR {TOOL_NAME} LIKE {name}" for name in names)
