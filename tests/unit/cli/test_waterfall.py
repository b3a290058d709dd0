"""How a trace is shown to people."""

from gatewayops.cli.shown import printable
from gatewayops.cli.waterfall import trace_lines


def a_span(span_id, *, row=0, depth=0, start="10:00:00.000000", duration_ms=100.0, tool="echo", **changes):
    return {
        "id": span_id, "parent_id": None, "operation": "mcp.tools.call", "server": "demo", "tool": tool,
        "resource_uri": None, "start_time": f"2026-05-01T{start}Z", "duration_ms": duration_ms,
        "status": "success", "reason": None, "error": None, "cost": 0.001, "request": {"text": "hi"},
        "response": "plain", "request_bytes": 13, "response_bytes": 5, "request_truncated": False,
        "response_truncated": False, "source": "gateway", "events": [],
        "timings": {"auth_ms": 0.1, "policy_ms": 0.01, "upstream_ms": 90.0, "total_ms": duration_ms},
        "latency": LATENCY,
        "place": {"row": row, "depth": depth, "on_critical_path": False, "clock_shift_ms": 0.0},
    } | changes  # fmt: skip


LATENCY = {
    "client_ms": None, "auth_ms": 0.1, "policy_ms": 0.01, "gateway_ms": 9.89, "upstream_ms": 90.0,
    "network_ms": None, "server_ms": None, "total_ms": 100.0,
}  # fmt: skip


def a_trace(*spans, **latency):
    return {
        "id": "tr_1", "start_time": "2026-05-01T10:00:00Z", "duration_ms": 100.0, "status": "success",
        "context": {"user_id": "user_1", "agent_name": "tester"}, "span_count": len(spans), "error_count": 0,
        "call_count": sum(span["source"] == "gateway" for span in spans), "spans": list(spans),
        "total_cost": 0.001, "latency": LATENCY | latency, "logs": [],
    }  # fmt: skip


def test_children_stand_below_their_parent_and_later_on_the_bar():
    child = a_span("b", row=1, depth=1, start="10:00:00.050000", duration_ms=50.0, tool="inner")

    lines = list(trace_lines(a_trace(child, a_span("a"))))

    outer = next(line for line in lines if line.endswith("demo/echo"))
    inner = next(line for line in lines if line.endswith("demo/inner"))
    assert outer.startswith("[" + "=" * 32)
    assert inner.startswith("  [" + "." * 16 + "=" * 16)


def test_the_critical_path_has_marks_of_its_own_and_a_shifted_span_says_so():
    place = {"row": 0, "depth": 0, "on_critical_path": True, "clock_shift_ms": -3000.0}
    late = a_span("a", start="10:00:03.050000", duration_ms=50.0, latency=None, place=place)

    lines = list(trace_lines(a_trace(late)))

    assert any(line.startswith("[" + "." * 16 + "#" * 16 + "]") for line in lines)
    assert "  drawn -3000.000 ms: its clock is not its caller's" in lines


def test_the_split_of_the_whole_shows_what_is_known():
    unsplit = list(trace_lines(a_trace(a_span("a"))))
    split = list(trace_lines(a_trace(a_span("a"), network_ms=30.0, server_ms=60.0)))

    assert (
        "auth 0.10 ms (0%) → policy 0.01 ms (0%) → gateway 9.89 ms (10%) → upstream 90.00 ms (90%)"
        in (unsplit[3])
    )
    assert split[3].endswith("→ network 30.00 ms (30%) → server 60.00 ms (60%) = 100.00 ms")


def test_where_the_time_went_and_why_it_failed_are_said():
    failed = a_span("a", status="error", reason="upstream_timeout", error="no answer within 30 s")

    text = "\n".join(trace_lines(a_trace(failed)))

    assert "auth 0.10, policy 0.01, upstream 90.00" in text
    assert "upstream_timeout: no answer within 30 s" in text


def test_a_long_body_is_cut_and_says_how_to_see_the_rest():
    text = "\n".join(trace_lines(a_trace(a_span("a", response=[str(n) for n in range(50)]))))

    assert "more lines: add --json" in text


def test_names_cannot_play_tricks_on_the_terminal():
    text = "\n".join(trace_lines(a_trace(a_span("a", tool="\x1b[2Jgone", response="\x07\x1b]0;title\x07"))))

    assert "\x1b" not in text
    assert "\x07" not in text
    assert printable("a\nb") == "a\N{REPLACEMENT CHARACTER}b"


def test_exported_spans_are_told_from_calls():
    event = {"time": "2026-05-01T10:00:00.010000Z", "name": "retry", "attributes": {}}
    exported = a_span(
        "b", parent="a", source="otlp", kind="server", service="crm", operation="SELECT", server=None,
        tool=None, error="no such table", events=[event], request=None, response=None,
    )  # fmt: skip

    lines = list(trace_lines(a_trace(a_span("a"), exported)))

    text = "\n".join(lines)
    assert "1 call, 2 spans" in lines[1]
    assert "server span of crm" in text
    assert "retry" in text
    assert "no such table" in text


def a_log(body, *, span_id, time="10:00:00.020000", **changes):
    return {
        "span_id": span_id, "time": f"2026-05-01T{time}Z", "body": body, "event_name": None,
        "severity": "error", "severity_text": "",
    } | changes  # fmt: skip


def test_events_and_log_records_of_a_span_stand_below_it_by_time():
    retried = {"time": "2026-05-01T10:00:00.030000Z", "name": "retry", "attributes": {}}
    outer, inner = a_span("a"), a_span("b", row=1, depth=1, tool="inner", events=[retried])
    logs = [a_log("late", span_id="b", time="10:00:00.040000"), a_log("soon", span_id="b")]
    lost = a_log("of nobody\x1b[2J", span_id=None, severity_text="Warn")

    lines = list(trace_lines(a_trace(outer, inner) | {"logs": [*logs, lost]}))

    said = [line for line in lines if line.endswith(("error soon", "retry", "error late"))]
    assert said == [f"    2026-05-01 10:00:00 {what}" for what in ("error soon", "retry", "error late")]
    assert lines.index(said[0]) > next(at for at, line in enumerate(lines) if line.endswith("demo/inner"))
    assert lines[-2] == "logged in no span of these"
    assert "warn of nobody" in lines[-1]
    assert "\x1b" not in lines[-1]


def test_of_many_log_records_the_first_are_shown():
    logs = [a_log(f"line {number}", span_id="a", time=f"10:00:00.{number:06}") for number in range(40)]

    lines = list(trace_lines(a_trace(a_span("a")) | {"logs": logs}))

    assert "  … 28 more: add --json" in lines
