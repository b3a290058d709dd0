"""What the SQL of analytics shares: which calls count, who a user is, and where a session ends.

A user is who the key belongs to, else the key, else (where nobody is known) a hash of agent and client
address. A session is the legacy session that the client opened, else the user's calls with less than thirty
minutes between one and the next. Both are told apart by hashes of 64 bits, which sort and count faster than
texts; among ten million, two are the same with a chance of three in a million.
"""

# ruff: noqa: S608 - the parts put together are constants of ours; values are bound parameters

from gatewayops.store.telemetry.span_filter import in_range, is_call

WHO = (
    "multiIf(user_id != '', cityHash64('user', user_id), key_id != '', cityHash64('key', key_id), "
    "cityHash64('anonymous', agent, client_address))"
)
TOOL_CALL = "method = 'tools/call' AND tool != ''"
TOOL_NAME = "concat(server, '/', tool)"
TOOL_NUMBER = "cityHash64(server, tool)"
VISITOR = f"cityHash64({WHO}, session)"  # a user's calls outside of legacy sessions, or one such session
_IDLE_NS = 30 * 60 * 10**9
_ONE_SERVER = "({server:String} = '' OR server = {server:String})"
_NS = "toUnixTimestamp64Nano(ts)"
_LOW = "toUInt128(18446744073709551615)"


def calls() -> str:
    """The condition of a call of the period, to one server or (`server` empty) to any.

    Parameters `org`, `start`, `end`, `server`.
    """
    return f"{in_range()} AND {is_call()} AND {_ONE_SERVER}"


def calls_so_far() -> str:
    """The same from the oldest call that is retained on. Parameters `org`, `end`, `server`."""
    before_end = "ts < fromUnixTimestamp64Nano({end:Int64}, 'UTC')"
    return f"org_id = {{org:String}} AND {before_end} AND {is_call()} AND {_ONE_SERVER}"


def visitors() -> str:
    """A subquery: a row a visitor with `who`, `visitor_sessions`, `visitor_calls`, `visitor_errors`.

    Parameters as of `calls`.
    """
    pauses = f"arrayDifference(arraySort(groupArray({_NS})))"
    sessions = f"if(any(session = ''), 1 + arrayCount(pause -> pause >= {_IDLE_NS}, {pauses}), 1)"
    return (
        f"(SELECT any({WHO}) AS who, {sessions} AS visitor_sessions, count() AS visitor_calls, "
        f"countIf(status != 'success') AS visitor_errors FROM spans WHERE {calls()} GROUP BY {VISITOR})"
    )


def session_numbers(times: str) -> str:
    """An array beside a visitor's sorted `times` (an array of nanoseconds): the number of each one's session.

    Where `is_idle` says whether pauses end sessions: outside of legacy ones.
    """
    idle = f"pause -> toUInt32(is_idle AND pause >= {_IDLE_NS})"
    return f"arrayCumSum(arrayMap({idle}, arrayDifference({times})))"


def in_visits(value: str) -> str:
    """A subquery: a row a session and value with `value`, a whole number, of the calls where it is not zero.

    Parameters as of `calls`. A call's time and value are sorted as one number, which takes half as long as
    pairs do.
    """
    seen = f"arraySort(groupArray({joined_number((_NS, 64), (value, 0))}))"
    numbers = session_numbers("arrayMap(call -> toInt64(bitShiftRight(call, 64)), seen)")
    pair = f"bitOr(bitShiftLeft(toUInt128(number), 64), bitAnd(call, {_LOW}))"
    once = f"arrayCompact(arraySort(arrayMap((number, call) -> {pair}, {numbers}, seen)))"
    return (
        f"(SELECT toUInt64(bitAnd(arrayJoin({once}), {_LOW})) AS value FROM "
        f"(SELECT any(session = '') AS is_idle, {seen} AS seen FROM spans WHERE {calls()} "
        f"GROUP BY {VISITOR}) WHERE value != 0)"
    )


def joined_number(*parts: tuple[str, int], bits: int = 128) -> str:
    """A number of so many bits made of whole numbers, each shifted left by so many."""
    number = f"toUInt{bits}(0)"
    for part, shift in parts:
        number = f"bitOr({number}, bitShiftLeft(toUInt{bits}({part}), {shift}))"
    return number
