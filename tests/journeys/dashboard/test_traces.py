"""Looking into what agents did: why a run failed, as it happens, by keyboard, without scripts."""

import os
import re
import time

import httpx
import pytest
from playwright.sync_api import expect

from gatewayops.base.ids import trace_id_of


@pytest.fixture
def is_there(installation, eventually):
    """Waits until a trace has so many spans."""

    def wait(trace_id, spans):
        def ask():
            headers = {"Authorization": f"Bearer {installation.secret}"}
            found = httpx.get(f"{installation.url}/v1/traces/{trace_id}/outline", headers=headers)
            return found.status_code == 200 and found.json()["trace"]["span_count"] == spans

        eventually(ask)

    return wait


@pytest.fixture
def run(installation, is_there):
    """Makes the calls of one run, which is one trace, by an agent of that name; the trace's id."""

    def make(name, *calls, parent=""):
        trace_id = trace_id_of(name)
        sent = {"Authorization": f"Bearer {installation.secret}", "User-Agent": f"{name}/1.0"}
        sent |= {"traceparent": f"00-{trace_id}-{parent}-01"} if parent else {"X-Trace-ID": name}
        for tool, arguments in calls:
            body = {"tool": tool, "arguments": arguments}
            httpx.post(f"{installation.url}/v1/mcp/demo/tools/call", json=body, headers=sent, timeout=30)
        is_there(trace_id, spans=len(calls))
        return f"tr_{trace_id}"

    return make


@pytest.fixture(scope="module")
def export(installation):
    """Sends a client's span, or a log record of it, by OTLP as JSON."""
    key = installation.json("key", "create", "tracer", "--action", "telemetry.write")["secret"]
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "planner"}}]}

    def send(trace_id, span_id, *, name="", says=""):
        now = time.time_ns()
        ids = {"traceId": trace_id, "spanId": span_id}
        if says:
            record = {**ids, "timeUnixNano": str(now), "severityNumber": 13, "body": {"stringValue": says}}
            logs = [{"resource": resource, "scopeLogs": [{"logRecords": [record]}]}]
            signal, body = "logs", {"resourceLogs": logs}
        else:
            times = {"startTimeUnixNano": str(now - 10**9), "endTimeUnixNano": str(now + 10**9)}
            spans = [
                {"resource": resource, "scopeSpans": [{"spans": [{**ids, **times, "name": name, "kind": 3}]}]}
            ]
            signal, body = "traces", {"resourceSpans": spans}
        headers = {"Authorization": f"Bearer {key}"}
        httpx.post(f"{installation.url}/v1/{signal}", json=body, headers=headers).raise_for_status()

    return send


def test_why_a_run_failed_is_found_from_the_overview(ada, run):
    run(
        "reporter", ("list_files", {}), ("echo", {"text": "hi"}), ("fail", {"message": "the report is empty"})
    )
    run("writer", ("echo", {"text": "hi"}))

    page = ada.open("/")
    page.get_by_role("link", name="Error rate").click()
    found = page.get_by_role("table").get_by_role("row")
    expect(found.filter(has_text="writer")).to_have_count(0)
    found.filter(has_text="reporter").click()

    expect(page.get_by_role("region", name="Summary")).to_contain_text("1 failed: fail tool error")
    expect(page.locator("#span")).to_contain_text("the report is empty")
    assert ada.overflow_px() == 0


def test_two_runs_are_compared_and_the_step_that_differs_leads_to_its_span(ada, run):
    run("nightly-a", ("list_files", {}), ("slow", {"seconds": 0}))
    run("nightly-b", ("list_files", {}), ("fail", {"message": "no disk left"}), ("slow", {"seconds": 0}))

    page = ada.open("/runs?outcome=recovered")
    page.get_by_role("row").filter(has_text="nightly-b").get_by_role("link").click()
    expect(page.get_by_role("region", name="Summary")).to_contain_text("recovered 3 steps, 1 failed")
    page = ada.open("/runs")
    page.get_by_role("row").filter(has_text="nightly-a").get_by_role(
        "radio", name=re.compile("^A is")
    ).check()
    page.get_by_role("row").filter(has_text="nightly-b").get_by_role(
        "radio", name=re.compile("^B is")
    ).check()
    page.get_by_role("button", name="Compare").click()

    step = page.get_by_role("row").filter(has_text="only in B")
    expect(step).to_contain_text("fail demo")
    step.get_by_role("link").click()
    expect(page.locator("#span")).to_contain_text("no disk left")


def test_masked_values_are_marked_and_the_parts_of_the_time_are_its_total(ada, run):
    trace = run("keeper", ("echo", {"text": "x", "password": "hunter2-9"}))

    page = ada.open(f"/traces/{trace}")

    request = page.get_by_role("region", name="Request", exact=True)
    expect(request.locator("mark").first).to_have_text("[masked:field]")
    expect(request).to_contain_text("1 masked")
    assert "hunter2" not in page.content()
    shares = (
        page.get_by_role("region", name="Where this call's time went").locator("dd .muted").all_inner_texts()
    )
    assert sum(float(share.rstrip("%")) for share in shares) == pytest.approx(100, abs=0.3)
    page.get_by_role("link", name="Why was this allowed?").click()
    expect(page.get_by_role("region", name="Why")).to_contain_text("Allowed by the rules as they are now")


def test_the_live_tail_marks_what_comes_in(ada, run):
    run("before", ("echo", {"text": "hi"}))
    page = ada.open("/traces")
    page.get_by_role("link", name="Live").click()
    expect(page.get_by_role("heading", name="Live")).to_be_visible()
    assert "live=1" in page.url

    run("arriving", ("echo", {"text": "hi"}))

    expect(page.get_by_role("row").filter(has_text="arriving")).to_contain_text("new", timeout=20_000)
    expect(page.get_by_role("row").filter(has_text="before")).not_to_contain_text("new")


def test_the_waterfall_is_a_tree_for_the_keyboard(ada, run, export, is_there):
    parent = os.urandom(8).hex()
    trace = run("walker", ("echo", {"text": "hi"}), ("add", {"a": 1, "b": 2}), parent=parent)
    export(trace.removeprefix("tr_"), parent, name="plan the day")
    is_there(trace, spans=3)

    page = ada.open(f"/traces/{trace}")
    tree = page.get_by_role("treegrid", name="Spans")
    rows = tree.get_by_role("row").filter(has_not=page.get_by_role("columnheader"))
    expect(rows).to_have_text([re.compile(what) for what in ("plan the day", "echo", "add")])
    tree.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("#span").get_by_role("heading", level=2)).to_have_text("add demo")
    assert "?span=" in page.url
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    expect(rows).to_have_count(1)
    page.keyboard.press("ArrowRight")
    expect(rows).to_have_count(3)


def test_a_trace_and_its_log_records_are_read_without_scripts(browsing, run, export, eventually):
    trace = run("reader", ("echo", {"text": "hi"}), ("add", {"a": 1, "b": 2}))
    export(trace.removeprefix("tr_"), "a" * 16, says="asking the replica")

    with browsing.person(has_scripts=False) as person:
        page = person.open("/logs?query=replica")
        record = page.get_by_role("row").filter(has_text="asking the replica")
        eventually(lambda: record.count() or not page.reload())
        record.get_by_role("link").click()
        page.get_by_role("table").first.get_by_role("link", name="add").click()

        expect(page.locator("#span").get_by_role("heading", level=2)).to_have_text("add demo")
        expect(page.get_by_role("region", name="Request as a tree")).to_contain_text("b 2")
        page.get_by_role("link", name="Why was this allowed?").click()
        expect(page.get_by_role("region", name="Why")).to_contain_text("Allowed")
