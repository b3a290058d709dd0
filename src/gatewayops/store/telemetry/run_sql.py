"""The SQL of runs: calls that belong together, stitched when they are asked for.

A call belongs to the run of its trace when the client gave it one (it came with a parent, or the trace has
several calls), else to that of its legacy session, else to those of the same key, user and agent that follow
each other with at most GAP_NS between their starts.
"""

# ruff: noqa: S608 - the parts put together are constants of ours; values are bound parameters

import msgspec

from gatewayops.store.telemetry.span_filter import READ_ALL, in_extent, is_call
from gatewayops.store.telemetry.trace_times import TRACE as TRACE_HASH

GAP_NS = 30 * 60 * 10**9
TRACE, SESSION, IDLE = "trace", "session", "idle"

_ORG = "org_id = {org:String}"
_KEY = (
    f"multiIf(is_given, ['{TRACE}', trace_id], session != '', ['{SESSION}', key_id, session], "
    f"['{IDLE}', key_id, user_id, agent])"
)
_GIVEN = "count() > 1 OR max(parent_span_id != '')"
_TRACE_NUMBER = (
    "reinterpretAsUInt128(unhex(trace_id))"  # exact, and far quicker to group and to find than text
)
_ORDER = "(PARTITION BY run_hash ORDER BY at_ns ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"
_COLUMNS = """
    ts, duration_ns, trace_id, span_id, parent_span_id, session, key_id, user_id, team_id, project_id, env,
    agent, method, server, tool, resource_uri, status, reason, cost_micros, input_tokens, output_tokens
"""
_WHICH = {
    TRACE: "trace_id = {part_1:String}",
    SESSION: "key_id = {part_1:String} AND session = {part_2:String}",
    IDLE: (
        "key_id = {part_1:String} AND user_id = {part_2:String} AND agent = {part_3:String} "
        "AND session = '' AND ts >= fromUnixTimestamp64Nano({start:Int64}, 'UTC') "
        "AND ts < fromUnixTimestamp64Nano({end:Int64}, 'UTC')"
    ),
}
# Aliases differ from column names: ClickHouse would read an alias inside another aggregate.
_FIGURES = """
    min(at_ns) AS began_ns,
    max(at_ns + duration_ns) AS ended_ns,
    count() AS step_count,
    countIf(status != 'success') AS error_count,
    multiIf(error_count = 0, 'success', argMax(status, (at_ns, span_id)) = 'success', 'recovered', 'failed')
        AS outcome,
    sum(cost_micros) AS total_micros,
    sum(input_tokens) AS total_input_tokens,
    sum(output_tokens) AS total_output_tokens,
    argMinIf(user_id, at_ns, user_id != '') AS run_user,
    argMinIf(team_id, at_ns, team_id != '') AS run_team,
    argMinIf(project_id, at_ns, project_id != '') AS run_project,
    argMinIf(key_id, at_ns, key_id != '') AS run_key_id,
    argMinIf(env, at_ns, env != '') AS run_env,
    argMinIf(agent, at_ns, agent != '') AS run_agent,
    groupUniqArray(20)(server) AS servers
"""
_STEP = """
    at_ns, duration_ns, trace_id, span_id, method, server, tool, resource_uri, status, reason,
    cost_micros, input_tokens, output_tokens
"""
_AROUND = (
    f"{_ORG} AND ts >= fromUnixTimestamp64Nano({{start:Int64}} - {GAP_NS}, 'UTC') "
    f"AND ts < fromUnixTimestamp64Nano({{end:Int64}} + {GAP_NS}, 'UTC')"
)
_NAME = "arrayStringConcat(run_key, '\\x1f')"
# For putting calls together elsewhere; whoever does needs no more than these hashes to ask for others.
_LISTED_CALL = f"""
    toUnixTimestamp64Nano(ts) AS at_ns, duration_ns, trace_id, span_id, parent_span_id, session, key_id,
    user_id, team_id, project_id, env, agent, server, tool, status, cost_micros, input_tokens, output_tokens,
    {TRACE_HASH} AS trace
"""
_CALL = f"{_LISTED_CALL}, method, resource_uri, reason"
_SESSION_HASH = "cityHash64(key_id, session)"
_WHO_HASH = "cityHash64(key_id, user_id, agent)"
_RARE = "SETTINGS use_skip_indexes = 0, optimize_use_projections = 0"  # a session's calls are few among many


class RunFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Runs of one organisation that began in a time range; empty text, zero and None mean "any"."""

    org_id: str
    start_ns: int  # Unix nanoseconds, inclusive
    end_ns: int  # exclusive
    user_id: str = ""
    team_id: str = ""
    project_id: str = ""
    key_id: str = ""
    agent: str = ""
    server: str = ""  # a run of many servers is found by each
    tool: str = ""
    outcome: str = ""
    min_steps: int = 0
    min_duration_ns: int = 0
    min_cost_micros: int = 0


OF_A_STEP = ("tool", "user_id", "key_id", "agent", "project_id", "server", "team_id")  # the rarer first


def list_runs(wanted: RunFilter, *, is_continued: bool) -> str:
    """Runs that began at or after `since`, newest first; the time around the range, GAP_NS wide, counts too.

    Parameters of `list_values`, `since` (Unix nanoseconds), and `before_ns`, `before_name` when continued.
    Only calls from GAP_NS before `since` on are looked at, and what belongs to their traces and sessions: a
    run that has begun by then is seen to have.
    """
    recent = f"ts >= fromUnixTimestamp64Nano({{since:Int64}} - {GAP_NS}, 'UTC')"
    found = f"FROM spans WHERE {_AROUND} AND {recent} AND {is_call()}"
    calls = (
        f"{_AROUND} AND ({recent} OR trace_id IN (SELECT trace_id {found}) "
        f"OR session != '' AND (key_id, session) IN (SELECT key_id, session {found} AND session != ''))"
    )
    beside = f"{_AROUND} AND trace_id IN (SELECT trace_id FROM spans WHERE {calls} AND {is_call()})"
    return _page_of_runs(wanted, _numbered(calls, beside), is_continued=is_continued)


def list_all_runs(wanted: RunFilter, *, is_continued: bool) -> str:
    """The same of the whole range, where every call is looked at anyway."""
    return _page_of_runs(wanted, _numbered(_AROUND, _AROUND), is_continued=is_continued)


def _page_of_runs(wanted: RunFilter, numbered: str, *, is_continued: bool) -> str:
    having = ["began_ns >= {since:Int64}", "began_ns < {end:Int64}", *_run_conditions(wanted)]
    if is_continued:
        having.append(f"(began_ns, {_NAME}) < ({{before_ns:Int64}}, {{before_name:String}})")
    return (
        f"SELECT run_key, {_NAME} AS run_name, {_FIGURES} FROM ({numbered}) "
        f"GROUP BY run_key, part HAVING {' AND '.join(having)} "
        "ORDER BY began_ns DESC, run_name DESC LIMIT {limit:UInt32}"
    )


def list_values(wanted: RunFilter) -> dict[str, object]:
    """The values of `list_runs` but for `since`, `limit` and where to continue."""
    named = (*OF_A_STEP, "outcome", "min_steps", "min_duration_ns", "min_cost_micros")
    given = {name: getattr(wanted, name) for name in named}
    return {"org": wanted.org_id, "start": wanted.start_ns, "end": wanted.end_ns} | {
        name: value for name, value in given.items() if value
    }


def newest_calls(wanted: RunFilter) -> str:
    """The newest calls until `until` (Unix nanoseconds, included), or that have one of the wanted steps.

    Rows for run_rows, with hashes: `trace`, `session_hash`, `who`. Parameters of `list_values`, `until`,
    `limit`.
    """
    asked = next((name for name in OF_A_STEP if getattr(wanted, name)), "")
    which = (
        f"{asked} = {{{asked}:String}}" if asked else "ts <= fromUnixTimestamp64Nano({until:Int64}, 'UTC')"
    )
    return (
        f"SELECT {_LISTED_CALL}, {_SESSION_HASH} AS session_hash, {_WHO_HASH} AS who FROM spans "
        f"WHERE {_AROUND} AND {is_call()} AND {which} ORDER BY ts DESC LIMIT {{limit:UInt32}} "
        f"{READ_ALL}, read_in_order_use_buffering = 0"
    )


def other_calls() -> str:
    """Calls in and around the range of the same `traces`, `sessions` or, from `idle_from` on, `callers`.

    All are hashes of `newest_calls`. Left out is what began between `known_from` and `known_to`, both
    included. The same rows without hashes but `trace`, in any order. And parameters `org`, `start`, `end`,
    `most`.
    """
    return (
        f"SELECT {_LISTED_CALL} FROM spans WHERE {_AROUND} AND {is_call()} "
        "AND (ts < fromUnixTimestamp64Nano({known_from:Int64}, 'UTC') "
        "OR ts > fromUnixTimestamp64Nano({known_to:Int64}, 'UTC')) "
        f"AND ({TRACE_HASH} IN {{traces:Array(UInt64)}} OR parent_span_id = '' AND ("
        f"session != '' AND {_SESSION_HASH} IN {{sessions:Array(UInt64)}} OR session = '' "
        "AND ts >= fromUnixTimestamp64Nano({idle_from:Int64}, 'UTC') "
        f"AND {_WHO_HASH} IN {{callers:Array(UInt64)}})) LIMIT {{most:UInt32}} {READ_ALL}"
    )


def calls_of_run(kind: str) -> str:
    """Calls that may belong to a run, with all of a step, the first `most` of them by start.

    Parameters `org`, `part_1`, …; of a trace also `first` and `last`, when it has spans; of an idle run
    `start` and `end`.
    """
    where = f"{in_extent()} AND {_WHICH[TRACE]}" if kind == TRACE else f"{_ORG} AND {_WHICH[kind]}"
    lone = "" if kind == TRACE else "AND parent_span_id = ''"
    return (
        f"SELECT {_CALL} FROM spans WHERE {where} AND {is_call()} {lone} "
        f"ORDER BY ts LIMIT {{most:UInt32}} {_RARE}"
    )


def one_run(kind: str) -> str:
    """One row of figures, with `step_count` 0 when there is no such run.

    Parameters `org`, `run_key` (kind and parts), `part_1`, …; `start` and `end` when idle: its first call
    and the latest moment to look at.
    """
    return f"SELECT {_FIGURES} FROM ({_of_one(kind)}) WHERE {_is_of(kind)}"


def steps_of_run(kind: str) -> str:
    """Steps by start. Parameters of `one_run`, `limit`, `after_ns`, `after_id`."""
    return (
        f"SELECT {_STEP} FROM ({_of_one(kind)}) WHERE {_is_of(kind)} "
        "AND (at_ns, span_id) > ({after_ns:Int64}, {after_id:String}) "
        "ORDER BY at_ns, span_id LIMIT {limit:UInt32}"
    )


def _run_conditions(wanted: RunFilter) -> list[str]:
    conditions = [f"countIf({name} = {{{name}:String}}) > 0" for name in OF_A_STEP if getattr(wanted, name)]
    if wanted.outcome:
        conditions.append("outcome = {outcome:String}")
    if wanted.min_steps:
        conditions.append("step_count >= {min_steps:UInt32}")
    if wanted.min_duration_ns:
        conditions.append("ended_ns - began_ns >= {min_duration_ns:Int64}")
    if wanted.min_cost_micros:
        conditions.append("total_micros >= {min_cost_micros:Int64}")
    return conditions


def _is_of(kind: str) -> str:
    """A trace that is asked for is a run even when it is a lone call."""
    return "1" if kind == TRACE else "run_key = {run_key:Array(String)} AND part = 0"


def _of_one(kind: str) -> str:
    calls = f"{_ORG} AND {_WHICH[kind]}"
    beside = f"{_ORG} AND trace_id IN (SELECT trace_id FROM spans WHERE {calls})"
    return _numbered(calls, calls if kind == TRACE else beside)


def _numbered(calls: str, beside: str) -> str:
    """Calls with the key of their run and, of idle runs, which of them; `beside` has all of their traces."""
    given = f"SELECT {_TRACE_NUMBER} AS number FROM spans WHERE {beside} AND {is_call()} GROUP BY number"
    keyed = (
        f"SELECT {_COLUMNS}, toUnixTimestamp64Nano(ts) AS at_ns, "
        f"{_TRACE_NUMBER} IN ({given} HAVING {_GIVEN}) AS is_given, {_KEY} AS run_key, "
        f"cityHash64(run_key) AS run_hash FROM spans WHERE {calls} AND {is_call()}"
    )
    paused = (
        f"SELECT *, run_key[1] = '{IDLE}' AND at_ns - lagInFrame(at_ns, 1, at_ns) OVER {_ORDER} > {GAP_NS} "
        f"AS is_first FROM ({keyed})"
    )
    return f"SELECT *, sum(is_first) OVER {_ORDER} AS part FROM ({paused})"
