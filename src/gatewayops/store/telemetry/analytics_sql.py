"""What the SQL of analytics shares: which calls count, who a user is, and where a session ends.

A user is who the key belongs to, else the key, else (where nobody is known) a hash of agent and client
address. A session is the legacy session that the client opened, else the user's calls with less than thirty
minutes between one and the next. Both are told apart by hashes of 64 bits, which sort and count faster than
texts; among ten million, two are the same with a chance of three in a million.
"""

# ruff: noqa: S608 - the parts put together are constants of ours; values are bound parameters

from gatewayops.store.telemetry.span_filter import in_range, is_call

WHO = (
    "multiIf(user_id != '', sipHash64('user', user_id), key_id != '', sipHash64('key', key_id), "
    "sipHash64('anonymous', agent, client_address))"
)
TOOL_CALL = "method = 'tools/call' AND tool != ''"
TOOL_NAME = "concat(server, '/', tool)"
_IDLE = "toIntervalMinute(30)"
_IDLE_NS = 30 * 60 * 10**9
_ONE_SERVER = "({server:String} = '' OR server = {server:String})"
_IN_ORDER = "OVER (PARTITION BY visitor ORDER BY ts ROWS BETWEEN"


def calls() -> str:
    """The condition of a call of the period, to one server or (`server` empty) to any.

    Parameters `org`, `start`, `end`, `server`.
    """
    return f"{in_range()} AND {is_call()} AND {_ONE_SERVER}"


def calls_so_far() -> str:
    """The same from the oldest call that is retained on. Parameters `org`, `end`, `server`."""
    before_end = "ts < fromUnixTimestamp64Nano({end:Int64}, 'UTC')"
    return f"org_id = {{org:String}} AND {before_end} AND {is_call()} AND {_ONE_SERVER}"


def session_starts(*columns: str) -> str:
    """A subquery: a row a call with `who`, `starts` (1 for the first call of a session) and the columns.

    Parameters as of `calls`. `visitor` is a user, or one legacy session of a user; the first row of either
    has 1970 before it.
    """
    taken = ", ".join(dict.fromkeys(("ts", *columns)))
    before = f"lagInFrame(ts) {_IN_ORDER} 1 PRECEDING AND CURRENT ROW)"
    starts = f"if(session = '', ts >= {before} + {_IDLE}, toUnixTimestamp64Nano({before}) = 0)"
    return (
        f"(SELECT who, visitor, {taken}, toUInt8({starts}) AS starts FROM "
        f"(SELECT {WHO} AS who, sipHash64({WHO}, session) AS visitor, session, {taken} FROM spans "
        f"WHERE {calls()}))"
    )


def in_sessions(*columns: str) -> str:
    """The same, and `visit`: what tells one session from another."""
    taken = ", ".join(dict.fromkeys(("ts", *columns)))
    number = f"sum(starts) {_IN_ORDER} UNBOUNDED PRECEDING AND CURRENT ROW)"
    return f"(SELECT who, {taken}, sipHash64(visitor, {number}) AS visit FROM {session_starts(*columns)})"


def in_visits(value: str) -> str:
    """A subquery: a row a session and value with `who` and `value`, a whole number, of the calls where it is
    not zero. Much cheaper than `in_sessions`, which carries texts through its sorting.

    Parameters as of `calls`.
    """
    seen = f"arraySort(groupArray((toUnixTimestamp64Nano(ts), toUInt64({value}))))"
    pauses = "arrayDifference(tupleElement(seen, 1))"
    numbers = f"arrayCumSum(arrayMap(pause -> toUInt32(is_idle AND pause >= {_IDLE_NS}), {pauses}))"
    valued = f"arrayFilter(pair -> pair.2 != 0, arrayZip({numbers}, tupleElement(seen, 2)))"
    return (
        f"(SELECT who, arrayJoin(arrayDistinct({valued})).2 AS value FROM "
        f"(SELECT any({WHO}) AS who, any(session = '') AS is_idle, {seen} AS seen FROM spans WHERE {calls()} "
        f"GROUP BY sipHash64({WHO}, session)))"
    )
