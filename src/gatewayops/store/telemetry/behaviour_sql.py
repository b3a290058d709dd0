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
    TOOL_NUMBER,
    VISITOR,
    WHO,
    calls,
    in_visits,
    joined_number,
    session_numbers,
)

_TOOL_CALLS = f"{calls()} AND {TOOL_CALL}"
_SCALAR = "IN ('String', 'Int64', 'UInt64', 'Double', 'Bool')"
_LONGEST_VALUE = 200  # characters
_RANKS = (1 << 21) - 1
# Pairs (steps, how often they were taken in the session so far).
_COUNTED = (
    "arrayZip(paths, arrayEnumerateUniq(arrayMap((path, visit) -> cityHash64(visit, path), paths, visits)))"
)
_IN_PARTS = "SETTINGS group_by_two_level_threshold = 1"  # visitors are unfolded a part at a time


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


def called_tools() -> str:
    """Rows (name, number) of the tools that were called; journeys are made of these numbers' ranks."""
    return (
        f"SELECT {TOOL_NAME} AS name, {TOOL_NUMBER} AS number FROM spans WHERE {_TOOL_CALLS} "
        "GROUP BY server, tool"
    )


def journeys(length: int) -> str:
    """Rows (steps, number, times, sessions): ranks of tools called one after the other in a session.

    Most frequent first. `number` is a hash of the steps. Parameters besides: `numbers` and `ranks` (of the
    tools, by `called_tools`; ranks from 1 on), `limit`.
    """
    return (
        "SELECT steps, cityHash64(steps) AS number, count() AS times, countIf(is_first) AS sessions FROM "
        f"(SELECT arrayJoin({_COUNTED}) AS journey, journey.1 AS steps, "
        f"journey.2 = 1 AS is_first FROM {_visits_in_order(length)}) "
        f"GROUP BY steps ORDER BY times DESC, steps LIMIT {{limit:UInt32}} {_IN_PARTS}"
    )


def users_of_journeys(length: int) -> str:
    """Rows (number, users) of the journeys with the numbers `found`. Parameters besides as of `journeys`."""
    numbers = "arrayMap(path -> cityHash64(path), paths)"
    return (
        "SELECT number, uniqExact(who) AS users FROM "
        f"(SELECT who, arrayJoin(arrayFilter(path -> path IN {{found:Array(UInt64)}}, {numbers})) AS number "
        f"FROM {_visits_in_order(length)}) GROUP BY number {_IN_PARTS}"
    )


def _visits_in_order(length: int) -> str:
    """A subquery: a row a visitor with `who`, and `paths` and `visits` beside each other: what was called
    after what, and the number of the session.

    No array is looked into from a lambda: it would be copied for each element.
    """
    rank = f"transform({TOOL_NUMBER}, {{numbers:Array(UInt64)}}, {{ranks:Array(UInt32)}}, toUInt32(0))"
    place = "reinterpretAsUInt64(reverse(unhex(substring(span_id, 1, 12))))"  # of calls of one nanosecond
    since = "toUnixTimestamp64Nano(ts) - {start:Int64}"
    call = joined_number((since, 69), (place, 21), (f"if({TOOL_CALL}, {rank}, 0)", 0))
    shown = f"toInt64(greatest(0, toInt64(length(ranks)) - {length - 1}))"
    parts = [f"arraySlice(ranks, {at}, {shown})" for at in range(1, length + 1)]
    names = ", ".join(f"step{at}" for at in range(length))
    first, last = (f"arraySlice(numbers, {at}, {shown})" for at in (1, length))
    inside = f"arrayMap((first, last) -> first = last, {first}, {last})"
    return (
        f"(SELECT who, arrayFilter((path, is_inside) -> is_inside, arrayMap(({names}) -> [{names}], "
        f"{', '.join(parts)}), {inside}) AS paths, "
        f"arrayFilter((number, is_inside) -> is_inside, {first}, {inside}) AS visits FROM "
        "(SELECT who, arrayFilter((number, rank) -> rank != 0, all_numbers, all_ranks) AS numbers, "
        "arrayFilter(rank -> rank != 0, all_ranks) AS ranks FROM "
        f"(SELECT who, arrayMap(call -> toUInt32(bitAnd(call, {_RANKS})), seen) AS all_ranks, "
        f"{session_numbers('arrayMap(call -> toInt64(bitShiftRight(call, 69)), seen)')} AS all_numbers FROM "
        f"(SELECT any({WHO}) AS who, any(session = '') AS is_idle, arraySort(groupArray({call})) AS seen "
        f"FROM spans WHERE {calls()} GROUP BY {VISITOR}))))"
    )


def tools() -> str:
    """Rows (server, tool, calls, errors, users, sessions, all_calls), most called first.

    Parameters besides: `limit`.
    """
    visits = in_visits(f"if({TOOL_CALL}, {TOOL_NUMBER}, 0)")
    return (
        "SELECT server, tool, calls, errors, users, sessions, all_calls FROM "
        "(SELECT server, tool, count() AS calls, countIf(status != 'success') AS errors, "
        f"uniqExact({WHO}) AS users, sum(count()) OVER () AS all_calls, {TOOL_NUMBER} AS tool_number "
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
