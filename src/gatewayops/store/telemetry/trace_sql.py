"""The SQL of traces: lists of them, and the spans of one."""

# ruff: noqa: S608 - the parts put together are constants of ours; values are bound parameters

from gatewayops.store.telemetry.span_filter import SpanFilter, in_extent, in_range, is_call, span_conditions
from gatewayops.store.telemetry.trace_times import TRACE, times_of_traces

_START = "min(toUnixTimestamp64Nano(ts))"
_END = "max(toUnixTimestamp64Nano(ts) + duration_ns)"
_STATUS = (
    "multiIf(countIf(status = 'timeout') > 0, 'timeout', "
    "countIf(status != 'success') > 0, 'error', 'success')"
)
_UNTIL = "ts <= fromUnixTimestamp64Nano({until:Int64}, 'UTC')"
# Rows from the newest part on, until there are enough: buffers would read far ahead of that.
_UNTIL_ENOUGH = "SETTINGS read_in_order_use_buffering = 0"
_OF_ONE_TOOL = "SETTINGS optimize_read_in_order = 0"  # else the projection by tool would not be used
_NO_SKIPPING = "SETTINGS use_skip_indexes = 0"  # the primary key has done it
# Of a few granules: more threads, and planning for projections, cost more than they save.
_NARROW = "SETTINGS max_threads = 1, optimize_use_projections = 0"
_FIRST = f"(NOT ({is_call()}), ts)"  # who was at work is the calls' to say, before exporters
# Aliases differ from column names: ClickHouse would read an alias inside another aggregate.
_TRACE = f"""
    trace_id,
    {_START} AS start_ns,
    {_END} AS end_ns,
    {_STATUS} AS trace_status,
    argMinIf(user_id, {_FIRST}, user_id != '') AS trace_user,
    argMinIf(team_id, {_FIRST}, team_id != '') AS trace_team,
    argMinIf(project_id, {_FIRST}, project_id != '') AS trace_project,
    argMinIf(key_id, {_FIRST}, key_id != '') AS trace_key,
    argMinIf(env, {_FIRST}, env != '') AS trace_env,
    argMinIf(agent, {_FIRST}, agent != '') AS trace_agent,
    groupUniqArray(20)(server) AS servers,
    uniqExact(span_id, door) AS span_count,
    countIf({is_call()}) AS call_count,
    uniqExactIf((span_id, door), status != 'success') AS error_count,
    sum(cost_micros) AS total_micros,
    sum(length(request_body) + length(response_body)) AS body_bytes
"""
_LISTED = _TRACE.rsplit(",", 1)[0]  # reading the bodies' lengths is for one trace only
_SHOWN = "start_ns DESC, trace_id DESC"

_SPAN = """
    toUnixTimestamp64Nano(ts) AS start_ns, duration_ns, key_id, user_id, team_id, project_id, env,
    trace_id, span_id, parent_span_id, door, era, method, server, tool, resource_uri,
    status, reason, http_status, rpc_code, error_detail, auth_ns, policy_ns, upstream_ns,
    request_bytes, response_bytes, input_tokens, output_tokens, cost_micros,
    substringUTF8(request_body, 1, {body_limit:UInt32}) AS request_text,
    substringUTF8(response_body, 1, {body_limit:UInt32}) AS response_text,
    is_request_cut OR lengthUTF8(request_body) > {body_limit:UInt32} AS has_cut_request,
    is_response_cut OR lengthUTF8(response_body) > {body_limit:UInt32} AS has_cut_response,
    agent, session, rpc_id, request_id, protocol_version, client_address,
    name, kind, service, scope, scope_version, events, links, attributes, resource
"""

_TIMED = (
    "span_id, parent_span_id, server, service, door, toUnixTimestamp64Nano(ts) AS start_ns, duration_ns, "
    "auth_ns, policy_ns, upstream_ns"
)
_NAMED = (
    "trace_id, user_id, team_id, project_id, key_id, env, agent, method, tool, resource_uri, name, kind, "
    "status, reason, cost_micros"
)


def newest_spans(wanted: SpanFilter) -> str:
    """Rows (trace, at_ns) of the newest spans that the filter may ask for, newest first; `trace` is a hash.

    Parameters of the filter, `since`, `until` (Unix nanoseconds, both included), `limit`.
    """
    settings = _OF_ONE_TOOL if wanted.server and wanted.tool else _UNTIL_ENOUGH
    return (
        f"SELECT {TRACE} AS trace, toUnixTimestamp64Nano(ts) AS at_ns FROM spans "
        f"WHERE {_conditions(wanted)} ORDER BY ts DESC LIMIT {{limit:UInt32}} {settings}"
    )


def page_of_known(wanted: SpanFilter, *, is_continued: bool) -> str:
    """The figures of `traces` that began at or after `since` and that the filter wants, newest first.

    Parameters of the filter, `traces` (hashes), `since`, `limit`; `before_ns`, `before_id` when continued.
    """
    spans = f"{TRACE} IN {{traces:Array(UInt64)}} AND ts IN ({times_of_traces()})"
    return f"{_page(wanted, _LISTED, spans, is_continued=is_continued)} {_NO_SKIPPING}"


def page_of_traces(wanted: SpanFilter, *, is_continued: bool) -> str:
    """Rows (trace, start_ns) of traces that began at or after `since`, newest first; `trace` is a hash.

    Of all that have a span that the filter may ask for. Parameters of the filter, `since`, `until`, `limit`,
    and `before_ns`, `before_id` when continued.
    """
    shown = f"any({TRACE}) AS trace, {_START} AS start_ns"
    spans = f"trace_id IN (SELECT trace_id FROM spans WHERE {_conditions(wanted)})"
    return _page(wanted, shown, spans, is_continued=is_continued)


def _page(wanted: SpanFilter, shown: str, spans: str, *, is_continued: bool) -> str:
    return (
        f"SELECT {shown} FROM spans WHERE {in_range()} AND {spans} GROUP BY trace_id "
        f"HAVING {' AND '.join(_page_conditions(wanted, is_continued=is_continued))} "
        f"ORDER BY {_SHOWN} LIMIT {{limit:UInt32}}"
    )


def _conditions(wanted: SpanFilter) -> str:
    found = [_candidates(wanted), *span_conditions(wanted)]
    if wanted.statuses and "success" not in wanted.statuses:
        found.append("status IN {statuses:Array(String)}")
    return " AND ".join(found)


def _candidates(wanted: SpanFilter) -> str:
    """Where a trace that began between `since` and `until` has a span that the filter may ask for.

    Its first span lies between the two; one that the filter asks for may come later.
    """
    since = "org_id = {org:String} AND ts >= fromUnixTimestamp64Nano({since:Int64}, 'UTC')"
    asks_for_spans = span_conditions(wanted) or (wanted.statuses and "success" not in wanted.statuses)
    last = "ts < fromUnixTimestamp64Nano({end:Int64}, 'UTC')"
    return f"{since} AND {last}" if asks_for_spans else f"{since} AND {last} AND {_UNTIL}"


def _page_conditions(wanted: SpanFilter, *, is_continued: bool) -> list[str]:
    conditions = [f"{_START} >= {{since:Int64}}"]
    if wanted.statuses:
        conditions.append(f"{_STATUS} IN {{statuses:Array(String)}}")
    if wanted.min_duration_ns:
        conditions.append(f"{_END} - {_START} >= {{min_duration_ns:Int64}}")
    if wanted.max_duration_ns:
        conditions.append(f"{_END} - {_START} <= {{max_duration_ns:Int64}}")
    if wanted.min_cost_micros:
        conditions.append("sum(cost_micros) >= {min_cost_micros:Int64}")
    if wanted.max_cost_micros is not None:
        conditions.append("sum(cost_micros) <= {max_cost_micros:Int64}")
    if is_continued:
        conditions.append(f"({_START}, trace_id) < ({{before_ns:Int64}}, {{before_id:String}})")
    return conditions


def searched_extent() -> str:
    """What trace_times.extent_of_trace says of spans, from all that is retained."""
    return (
        f"SELECT {_START} AS first_ns, max(toUnixTimestamp64Nano(ts)) AS last_ns, count() AS found "
        "FROM spans WHERE org_id = {org:String} AND trace_id = {trace:String}"
    )


def one_trace() -> str:
    """One row with the trace's figures, or none. Parameters `org`, `trace`, `first`, `last` (included)."""
    return (
        f"SELECT {_TRACE} FROM spans WHERE {in_extent()} AND trace_id = {{trace:String}} "
        f"GROUP BY trace_id {_NARROW}"
    )


def spans_of_trace() -> str:
    """Spans by start, each once: exporters send again what they do not know to have arrived.

    Parameters of `one_trace`, `body_limit` (characters), `limit`, `after_ns`, `after_id`.
    """
    return (
        f"SELECT {_SPAN} FROM spans WHERE {in_extent()} AND trace_id = {{trace:String}} "
        "AND (toUnixTimestamp64Nano(ts), span_id) > ({after_ns:Int64}, {after_id:String}) "
        f"ORDER BY start_ns, span_id LIMIT 1 BY span_id, door LIMIT {{limit:UInt32}} {_NARROW}"
    )


def spans_of_small_trace() -> str:
    """All rows of a trace's spans, in any order. Parameters of `one_trace`, `body_limit` (characters)."""
    return f"SELECT {_SPAN} FROM spans WHERE {in_extent()} AND trace_id = {{trace:String}} {_NARROW}"


def outline_of_trace(*, is_named: bool = False) -> str:
    """What placing a trace's spans and splitting their time needs, by start, without what was sent.

    `is_named`: also whose they are, what they are called and how they ended. Parameters of `one_trace` and
    `limit`.
    """
    return _outline(f"{_TIMED}, {_NAMED}" if is_named else _TIMED, "")


def relatives_of_span() -> str:
    """Of the same rows those of a span, its parent, its children and its siblings.

    Parameters of `outline_of_trace`, and `these`: the ids of the span and of its parent.
    """
    these = "{these:Array(String)}"
    return _outline(_TIMED, f"AND (span_id IN {these} OR parent_span_id IN {these})")


def _outline(columns: str, condition: str) -> str:
    return (
        f"SELECT {columns} FROM spans WHERE {in_extent()} AND trace_id = {{trace:String}} {condition} "
        "ORDER BY start_ns, span_id LIMIT 1 BY span_id, door LIMIT {limit:UInt32} "
        "SETTINGS optimize_use_projections = 0"
    )


def one_span() -> str:
    """A span of a trace by `span`, its id: the gateway's own, should an exporter have sent the same id.

    Parameters of `one_trace`, `body_limit` (characters), `span`.
    """
    return (
        f"SELECT {_SPAN} FROM spans WHERE {in_extent()} AND trace_id = {{trace:String}} "
        f"AND span_id = {{span:String}} ORDER BY {is_call()} DESC LIMIT 1 {_NARROW}"
    )


def list_spans(wanted: SpanFilter, *, is_continued: bool) -> str:
    """Calls of the range, newest first.

    Parameters of the filter, `body_limit`, `limit`, and `before_ns`, `before_id` when continued.
    """
    conditions = [in_range(), is_call(), *span_conditions(wanted)]
    if wanted.statuses:
        conditions.append("status IN {statuses:Array(String)}")
    if is_continued:
        conditions.append(
            "ts <= fromUnixTimestamp64Nano({before_ns:Int64}, 'UTC') "
            "AND (toUnixTimestamp64Nano(ts), span_id) < ({before_ns:Int64}, {before_id:String})"
        )
    return (
        f"SELECT {_SPAN} FROM spans WHERE {' AND '.join(conditions)} "
        "ORDER BY ts DESC, span_id DESC LIMIT {limit:UInt32}"
    )
