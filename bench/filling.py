"""Fills a telemetry store with a month of believable spans, made by the store itself (INSERT … SELECT).

Of ten spans six are one trace (three calls with the server's own exported span each), two are lone calls, two
are of a legacy session. A fifth of all lies in the last 24 hours; the 29 days before share the rest. Users,
servers and tools are skewed: few do most.
"""

import time
from dataclasses import dataclass

from gatewayops.store.telemetry.client import Telemetry

ORG = "org_bench"
DAYS = 30
DAY_NS = 86_400 * 10**9
BIG_TRACE = "b" * 32
BIG_SPANS = 10_000
USERS, TEAMS, SERVERS, TOOLS, CUSTOMERS, ORDERS = 2_000, 20, 20, 10, 10_000, 1_000_000
_LAST_DAY_SHARE = 5  # one part of so many
_CHUNK = 100_000  # more at once would not fit into the memory that the store may use
_WORDS = (
    *("invoice", "customer", "search", "report", "status", "delivery", "account", "region", "summary"),
    *("open", "closed", "pending", "refund", "contract", "priority", "ticket", "comment", "version"),
    *("release", "branch", "commit", "review", "table", "column", "index"),
)
_COLUMNS = (
    "ts, duration_ns, org_id, key_id, user_id, team_id, project_id, env, trace_id, span_id, parent_span_id, "
    "door, era, method, server, tool, status, reason, http_status, auth_ns, policy_ns, upstream_ns, "
    "request_bytes, response_bytes, input_tokens, output_tokens, cost_micros, request_body, response_body, "
    "agent, session, rpc_id, protocol_version, client_address, name, kind, service, scope, attributes, "
    "resource, batch"
)


@dataclass(frozen=True)
class Filled:
    """What is there: spans from `start_ns` to `end_ns`, and how long it took."""

    spans: int
    start_ns: int
    end_ns: int
    seconds: float


async def fill(telemetry: Telemetry, spans: int) -> Filled:
    """Makes about so many spans, and a trace of BIG_SPANS."""
    began = time.perf_counter()
    await telemetry.ensure_schema()
    end_ns = time.time_ns()
    first = 0
    for day in range(DAYS):
        count = spans // _LAST_DAY_SHARE if day == 0 else spans * 4 // 5 // (DAYS - 1)
        for done in range(0, count, _CHUNK):
            part = min(_CHUNK, count - done)
            begin_ns = end_ns - (day + 1) * DAY_NS + DAY_NS * done // count
            await telemetry.change([_insert(first, part, begin_ns, DAY_NS * part // count)])
            first += part
    await telemetry.change([_big_trace(end_ns - 3 * 3600 * 10**9)])
    seconds = time.perf_counter() - began
    return Filled(first + BIG_SPANS, end_ns - DAYS * DAY_NS, end_ns, seconds)


def _part(salt: str, of: str) -> str:
    """A number from 0 to 1 that is the same for the same `of`."""
    return f"(cityHash64({of}, '{salt}') / 18446744073709551616)"


def _words(count: int) -> str:
    words = ", ".join(f"'{word}'" for word in _WORDS)
    picks = ", ".join(f"[{words}][1 + toUInt32({_part(f'w{n}', 'n')} * {len(_WORDS)})]" for n in range(count))
    return f"concatWithSeparator(' ', {picks})"


def _insert(first: int, count: int, begin_ns: int, length_ns: int) -> str:
    """A stretch of time with `count` spans, whose numbers go on from `first`."""
    facts = f"""
        SELECT number AS n, intDiv(n, 10) AS block, n % 10 AS slot,
        if(slot < 6, block * 10, n) AS trace_number, slot IN (1, 3, 5) AS is_otlp,
        toUInt32(pow({_part("user", "block")}, 2) * {USERS}) AS user_number,
        toUInt32(pow({_part("server", "intDiv(n, 2)")}, 2) * {SERVERS}) AS server_number,
        toUInt32(pow({_part("tool", "intDiv(n, 2)")}, 2) * {TOOLS}) AS tool_number,
        {_part("status", "intDiv(n, 2)")} AS luck,
        toInt64(20e6 * exp(3 * {_part("duration", "intDiv(n, 2)")})) AS took,
        {begin_ns} + toInt64(intDiv(number - {first}, 10) * ({length_ns} / {count / 10}))
            + slot * 100000000 AS at_ns
        FROM numbers({first}, {count})"""
    return f"INSERT INTO spans ({_COLUMNS}) SELECT {_row()} FROM ({facts})"


def _row() -> str:
    """The columns' values, in their order."""
    return f"""
        fromUnixTimestamp64Nano(at_ns, 'UTC'), if(is_otlp, intDiv(took, 2), took), '{ORG}',
        concat('key_', toString(user_number)), concat('user_', toString(user_number)),
        concat('team_', toString(user_number % {TEAMS})), concat('proj_', toString(user_number % 50)), 'prod',
        lower(hex(sipHash128(trace_number))), lower(hex(cityHash64(n, 'span'))),
        multiIf(is_otlp, lower(hex(cityHash64(n - 1, 'span'))), slot < 6, '00f067aa0ba902b7', ''),
        if(is_otlp, 'otlp', if(slot < 8, 'mcp', 'rest')), if(slot < 8, 'modern', 'legacy'), 'tools/call',
        concat('server-', toString(server_number)), concat('tool_', toString(tool_number)),
        multiIf(luck < 0.93, 'success', luck < 0.98, 'error', 'timeout'),
        multiIf(luck < 0.93, '', luck < 0.98, 'tool_error', 'upstream_timeout'), 200,
        if(is_otlp, 0, 30000), if(is_otlp, 0, 10000), if(is_otlp, 0, intDiv(took * 8, 10)), 240, 700, 60, 170,
        if(is_otlp, 0, toInt64(1000 + 9000 * {_part("cost", "n")})),
        if(is_otlp, '', concat('{{"query":"', {_words(6)}, '","order":"ord-',
            toString(cityHash64(n, 'order') % {ORDERS}), '","limit":20,"city":"Lisbon"}}')),
        if(is_otlp, '', concat('{{"content":[{{"type":"text","text":"', {_words(20)}, ' ',
            hex(cityHash64(n, 'answer')), ' ', {_words(12)}, '"}}],"isError":false}}')),
        if(is_otlp, '', concat('agent-', toString(user_number % 12))),
        if(slot >= 8, lower(hex(cityHash64(user_number, intDiv(at_ns, 3600000000000)))), ''),
        toString(n), '2026-07-28', '10.0.0.1',
        if(is_otlp, 'tools/call', ''), if(is_otlp, 'server', ''),
        if(is_otlp, concat('service-', toString(server_number)), ''), if(is_otlp, 'mcp.server', ''),
        if(is_otlp, map('customer.id', concat('c-', toString(cityHash64(n, 'customer') % {CUSTOMERS})),
            'request.id', lower(hex(cityHash64(n, 'request'))), 'network.transport', 'tcp',
            'server.address', 'crm.internal', 'server.port', '8080', 'db.system', 'postgresql',
            'db.query.text', concat('SELECT name FROM customers WHERE id = ', toString(n % 1000)),
            'cache.hit', toString(n % 2)), map()),
        if(is_otlp, map('service.name', concat('service-', toString(server_number)), 'host.name',
            concat('node-', toString(n % 17))), map()), 'filled'"""


def _big_trace(start_ns: int) -> str:
    """A trace of exported spans, each with up to four below it."""
    span = "lower(hex(cityHash64({}, 'big')))"
    values = f"""
        fromUnixTimestamp64Nano({start_ns} + toInt64(number) * 100000, 'UTC'),
        toInt64(1e9 / (1 + number)), '{ORG}', 'key_1', 'user_1', '{BIG_TRACE}', {span.format("number")},
        if(number = 0, '', {span.format("intDiv(number - 1, 4)")}), 'otlp', 'tools/call', 'server-1',
        'tool_1', 'success', concat('step ', toString(number)), 'internal', 'service-1',
        map('step', toString(number), 'customer.id', 'c-1'), map('service.name', 'service-1')"""
    columns = (
        "ts, duration_ns, org_id, key_id, user_id, trace_id, span_id, parent_span_id, door, method, server, "
        "tool, status, name, kind, service, attributes, resource"
    )
    return f"INSERT INTO spans ({columns}) SELECT {values} FROM numbers({BIG_SPANS})"
