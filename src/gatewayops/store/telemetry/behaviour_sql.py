"""The SQL of what users do: funnels, journeys, tools, argument values, intents.

All questions take the parameters `org`, `start`, `end` (Unix nanoseconds), `server` (empty for all), and
those that say which days' sums count; they count calls of tools whatever their end.
"""

# ruff: noqa: S608 - the parts put together are constants of ours; values are bound parameters

from collections.abc import Iterable, Sequence
from typing import Any

from gatewayops.store.telemetry.analytics_sql import (
    IDLE_NS,
    ONE_SERVER,
    TOOL_CALL,
    TOOL_NAME,
    TOOL_NUMBER,
    VISITOR,
    WHO,
    calls,
    joined_number,
    session_numbers,
)
from gatewayops.store.telemetry.day_sums import calls as summed_calls
from gatewayops.store.telemetry.day_sums import visits

_TOOL_CALLS = f"{calls()} AND {TOOL_CALL}"
_TOOLS = f"{summed_calls()} WHERE {ONE_SERVER} AND {TOOL_CALL}"
_SCALAR = "IN ('String', 'Int64', 'UInt64', 'Double', 'Bool')"
_LONGEST_VALUE = 200  # characters
_RANK_BITS = 21
_RANKS = (1 << _RANK_BITS) - 1
_PLACE_BITS = 48  # of a span's id: the order of calls that began in the same nanosecond
# Pairs (path, how often it was taken in the session so far).
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
    return f"SELECT {TOOL_NAME} AS name, {TOOL_NUMBER} AS number FROM {_TOOLS} GROUP BY server, tool"


def journeys(length: int) -> str:
    """Rows (journey, times, sessions): tools called one after the other in a session, most frequent first.

    `journey` is a number of their ranks (`steps_of` takes it apart). Parameters besides: `numbers` and
    `ranks` (of the tools, by `called_tools`; ranks from 1 on), `limit`.
    """
    return (
        "SELECT path AS journey, count() AS times, countIf(is_first) AS sessions FROM "
        f"(SELECT arrayJoin({_COUNTED}) AS counted, counted.1 AS path, counted.2 = 1 AS is_first "
        f"FROM {_paths(length)}) "
        f"GROUP BY path ORDER BY times DESC, path LIMIT {{limit:UInt32}} {_IN_PARTS}"
    )


def users_of_journeys(length: int) -> str:
    """Rows (journey, users) of the journeys in `found`. Parameters besides as of `journeys`."""
    found = f"arrayFilter(path -> path IN {{found:Array(UInt{_bits(length)})}}, paths)"
    return (
        "SELECT journey, uniqExact(who) AS users FROM "
        f"(SELECT who, arrayJoin({found}) AS journey FROM {_paths(length)}) "
        f"GROUP BY journey {_IN_PARTS}"
    )


def steps_of(journey: int, length: int) -> list[int]:
    """The ranks of a journey's tools."""
    return [journey >> _RANK_BITS * at & _RANKS for at in reversed(range(length))]


def _bits(length: int) -> int:
    """Of a number that has room for so many ranks."""
    return next(bits for bits in (64, 128, 256) if length * _RANK_BITS <= bits)


def _paths(length: int) -> str:
    """A subquery: a row a visitor with `who`, and `paths` and `visits` beside each other.

    A path is a number of the ranks of tools called one after the other, a visit that of their session. No
    array is looked into from a lambda: it would be copied for each element.
    """
    names = [f"step{at}" for at in range(length)]
    shifts = (_RANK_BITS * at for at in reversed(range(length)))
    path = joined_number(*zip(names, shifts, strict=True), bits=_bits(length))
    shown = f"toInt64(greatest(0, toInt64(length(ranks)) - {length - 1}))"
    steps = ", ".join(f"arraySlice(ranks, {at}, {shown})" for at in range(1, length + 1))
    first, last = (f"arraySlice(numbers, {at}, {shown})" for at in (1, length))
    inside = f"arrayMap((first, last) -> first = last, {first}, {last})"
    return (
        f"(SELECT who, arrayFilter((path, is_inside) -> is_inside, "
        f"arrayMap(({', '.join(names)}) -> {path}, {steps}), {inside}) AS paths, "
        f"arrayFilter((number, is_inside) -> is_inside, {first}, {inside}) AS visits FROM {_ranked_calls()})"
    )


def _ranked_calls() -> str:
    """A subquery: a row a visitor with `who`, and beside each other the `ranks` of the tools called and the
    `numbers` of the sessions, in order.
    """
    rank = f"transform({TOOL_NUMBER}, {{numbers:Array(UInt64)}}, {{ranks:Array(UInt32)}}, toUInt32(0))"
    place = f"reinterpretAsUInt64(reverse(unhex(substring(span_id, 1, {_PLACE_BITS // 4}))))"
    since = "toUnixTimestamp64Nano(ts) - {start:Int64}"
    before = _PLACE_BITS + _RANK_BITS
    call = joined_number((since, before), (place, _RANK_BITS), (f"if({TOOL_CALL}, {rank}, 0)", 0))
    numbers = session_numbers(f"arrayMap(call -> toInt64(bitShiftRight(call, {before})), seen)")
    return (
        "(SELECT who, arrayFilter((number, rank) -> rank != 0, all_numbers, all_ranks) AS numbers, "
        "arrayFilter(rank -> rank != 0, all_ranks) AS ranks FROM "
        f"(SELECT who, arrayMap(call -> toUInt32(bitAnd(call, {_RANKS})), seen) AS all_ranks, "
        f"{numbers} AS all_numbers FROM "
        f"(SELECT any({WHO}) AS who, any(session = '') AS is_idle, arraySort(groupArray({call})) AS seen "
        f"FROM spans WHERE {calls()} GROUP BY {VISITOR})))"
    )


def tools() -> str:
    """Rows (server, tool, calls, errors, users, sessions, all_calls), most called first.

    Parameters besides: `limit`.
    """
    return (
        "SELECT server, tool, calls, errors, users, sessions, all_calls FROM "
        "(SELECT server, tool, sum(call_count) AS calls, sum(error_count) AS errors, "
        f"uniqExact(who) AS users, sum(sum(call_count)) OVER () AS all_calls, {TOOL_NUMBER} AS tool_number "
        f"FROM {_TOOLS} GROUP BY server, tool "
        "ORDER BY calls DESC, server, tool LIMIT {limit:UInt32}) AS called "
        f"LEFT JOIN (SELECT tool_number, uniqExact(visitor, number) AS sessions FROM {_sessions_of_tools()} "
        "GROUP BY tool_number) AS visited USING tool_number ORDER BY calls DESC, server, tool"
    )


def calls_of_tools() -> str:
    """Rows (server, tool, calls) of the pairs in the parameter `tools`."""
    return (
        f"SELECT server, tool, sum(call_count) AS calls FROM {_TOOLS} "
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
    tools = f"(SELECT DISTINCT {TOOL_NUMBER} AS tool_number, toUInt64({number}) AS rule FROM {_TOOLS})"
    return (
        "SELECT rule, calls, users, sessions FROM "
        f"(SELECT toUInt64({number}) AS rule, sum(call_count) AS calls, uniqExact(who) AS users "
        f"FROM {_TOOLS} GROUP BY rule) AS called "
        f"LEFT JOIN (SELECT rule, uniqExact(visitor, number) AS sessions FROM {_sessions_of_tools()} AS seen "
        f"INNER JOIN {tools} AS ruled USING tool_number GROUP BY rule) AS visited "
        "USING rule ORDER BY rule"
    ), values


def _sessions_of_tools() -> str:
    """A subquery: rows (visitor, number, tool_number), a tool of a visitor's session once or more often."""
    order = "(PARTITION BY visitor ORDER BY first_ns ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"
    pause = f"first_ns - lagInFrame(last_ns, 1, first_ns) OVER {order}"
    begins = (
        f"(SELECT visitor, tools, first_ns, is_idle AND {pause} >= {IDLE_NS} AS is_first FROM {visits()})"
    )
    numbered = f"(SELECT visitor, tools, sum(is_first) OVER {order} AS number FROM {begins})"
    return f"(SELECT visitor, number, arrayJoin(tools) AS tool_number FROM {numbered})"


def like(pattern: str) -> str:
    """A pattern with `*` for any text, as LIKE has it."""
    escaped = pattern.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return escaped.replace("*", "%")


def _any_of(at: int, rule: Iterable[str]) -> str:
    names = [f"{{rule{at}_{of}:String}}" for of, _ in enumerate(rule)]
    return " OR ".join(f"tool LIKE {name} OR {TOOL_NAME} LIKE {name}" for name in names)
