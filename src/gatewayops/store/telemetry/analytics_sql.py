"""What the SQL of analytics shares: which calls count, who a user is, and where a session ends.

A user is who the key belongs to, else the key, else (where nobody is known) a hash of agent and client
address. A session is the legacy session that the client opened, else the user's calls with less than thirty
minutes between one and the next.
"""

# ruff: noqa: S608 - the parts put together are constants of ours; values are bound parameters

from gatewayops.store.telemetry.span_filter import in_range, is_call

WHO = (
    "multiIf(user_id != '', concat('user:', user_id), key_id != '', concat('key:', key_id), "
    "concat('anonymous:', lower(hex(sipHash128(agent, client_address)))))"
)
SESSION = "who, session, number"  # what tells one session from another in `in_sessions`
TOOL_CALL = "method = 'tools/call' AND tool != ''"
TOOL_NAME = "concat(server, '/', tool)"
_IDLE = "toIntervalMinute(30)"
_ONE_SERVER = "({server:String} = '' OR server = {server:String})"
_IN_ORDER = "OVER (PARTITION BY who, session ORDER BY ts, span_id ROWS BETWEEN"


def calls() -> str:
    """The condition of a call of the period, to one server or (`server` empty) to any.

    Parameters `org`, `start`, `end`, `server`.
    """
    return f"{in_range()} AND {is_call()} AND {_ONE_SERVER}"


def calls_so_far() -> str:
    """The same from the oldest call that is retained on. Parameters `org`, `end`, `server`."""
    before_end = "ts < fromUnixTimestamp64Nano({end:Int64}, 'UTC')"
    return f"org_id = {{org:String}} AND {before_end} AND {is_call()} AND {_ONE_SERVER}"


def in_sessions(*columns: str) -> str:
    """A subquery: a row a call with `who`, `session`, `number` (of the user's sessions) and the columns.

    Parameters as of `calls`.
    """
    taken = ", ".join(dict.fromkeys(("session", "ts", "span_id", *columns)))
    starts = f"session = '' AND ts >= lagInFrame(ts) {_IN_ORDER} 1 PRECEDING AND CURRENT ROW) + {_IDLE}"
    return (
        f"(SELECT who, {taken}, sum(starts) {_IN_ORDER} UNBOUNDED PRECEDING AND CURRENT ROW) AS number FROM "
        f"(SELECT who, {taken}, toUInt8({starts}) AS starts FROM "
        f"(SELECT {WHO} AS who, {taken} FROM spans WHERE {calls()})))"
    )
