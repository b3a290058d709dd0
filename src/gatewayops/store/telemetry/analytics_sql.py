"""What the SQL of analytics shares: which calls count, who a user is, and where a session ends.

A user is who the key belongs to, else the key, else (where nobody is known) a hash of agent and client
address. A session is the legacy session that the client opened, else the user's calls with less than thirty
minutes between one and the next. Both are told apart by hashes of 64 bits, which sort and count faster than
texts; among ten million, two are the same with a chance of three in a million.
"""

from gatewayops.store.telemetry.span_filter import in_range, is_call

WHO = (
    "multiIf(user_id != '', cityHash64('user', user_id), key_id != '', cityHash64('key', key_id), "
    "cityHash64('anonymous', agent, client_address))"
)
TOOL_CALL = "method = 'tools/call' AND tool != ''"
TOOL_NAME = "concat(server, '/', tool)"
TOOL_NUMBER = "cityHash64(server, tool)"
VISITOR = f"cityHash64({WHO}, session)"  # a user's calls outside of legacy sessions, or one such session
IDLE_NS = 30 * 60 * 10**9
ONE_SERVER = "({server:String} = '' OR server = {server:String})"
_NS = "toUnixTimestamp64Nano(ts)"


def calls() -> str:
    """The condition of a call of the period, to one server or (`server` empty) to any.

    Parameters `org`, `start`, `end`, `server`.
    """
    return f"{in_range()} AND {is_call()} AND {ONE_SERVER}"


def session_numbers(times: str) -> str:
    """An array beside a visitor's sorted `times` (an array of nanoseconds): the number of each one's session.

    Where `is_idle` says whether pauses end sessions: outside of legacy ones.
    """
    idle = f"pause -> toUInt32(is_idle AND pause >= {IDLE_NS})"
    return f"arrayCumSum(arrayMap({idle}, arrayDifference({times})))"


def joined_number(*parts: tuple[str, int], bits: int = 128) -> str:
    """A number of so many bits made of whole numbers, each shifted left by so many."""
    number = f"toUInt{bits}(0)"
    for part, shift in parts:
        number = f"bitOr({number}, bitShiftLeft(toUInt{bits}({part}), {shift}))"
    return number
