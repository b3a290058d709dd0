"""What gateways tell of their servers, and what the control role makes of it."""

import msgspec

from gatewayops.store.snapshot import ServerRow
from gatewayops.upstream import health
from gatewayops.upstream.breaker import State
from gatewayops.upstream.health import HealthBoard, HealthReport, Seen, ServerHealth
from gatewayops.upstream.registry import Upstream
from gatewayops.upstream.settings import UpstreamSettings


def upstream(name="files", *, failures=0):
    row = ServerRow(f"srv_{name}", "org", name, "http://files.example", 5, 2, 2, 100, True)
    made = Upstream(row, UpstreamSettings(), headers={})
    for _ in range(failures):
        made.ended(0, status=503)
    return made


def told(worker, state, *, since=1.0, server="srv_files"):
    return HealthReport(worker, (ServerHealth(server, state, since),))


def test_servers_that_were_never_in_trouble_are_not_mentioned():
    report = health.report("w", [upstream(failures=4), upstream("other")], offset_ns=0)

    assert report == HealthReport("w")


def test_an_open_one_is_told_with_its_times_and_reason_and_reads_back():
    server = upstream(failures=5)
    offset_ns = 1_000_000_000_000_000_000 - server.breaker.changed_ns
    report = health.report("w", [server], offset_ns=offset_ns)

    assert report.servers == (
        ServerHealth("srv_files", State.OPEN, 1e9, retry_at=1e9 + 5, last_failure="status 503", openings=1),
    )
    assert msgspec.json.decode(msgspec.json.encode(report), type=HealthReport) == report
    assert health.report("w", [server], offset_ns=offset_ns) == report


def test_a_report_is_bounded_and_the_worst_come_first():
    recovered = upstream("recovered", failures=5)
    recovered.breaker.admit(recovered.breaker.retry_ns)
    recovered.breaker.succeeded()
    report = health.report("w", [*[recovered] * health.MOST_SERVERS, upstream(failures=5)], offset_ns=0)

    assert len(report.servers) == health.MOST_SERVERS
    assert [one.state for one in report.servers[:2]] == [State.OPEN, State.CLOSED]


def test_nobody_told_anything():
    assert HealthBoard().of("srv_files", 0) == Seen(0)


def test_the_worst_that_any_worker_told_counts():
    board = HealthBoard()
    board.take(told("one", State.CLOSED), 0)
    board.take(told("two", State.OPEN, since=2.0), 0)
    board.take(told("three", State.HALF_OPEN), 0)

    seen = board.of("srv_files", 1)
    assert (seen.gateways, seen.worst.state, seen.worst.since) == (3, State.OPEN, 2.0)
    assert board.of("srv_other", 1) == Seen(3)


def test_each_report_replaces_the_one_before():
    board = HealthBoard()
    board.take(told("one", State.OPEN), 0)
    board.take(HealthReport("one"), 1)

    assert board.of("srv_files", 1) == Seen(1)


def test_who_is_silent_is_forgotten():
    board = HealthBoard()
    board.take(told("one", State.OPEN), 0)

    assert board.of("srv_files", 45).gateways == 1
    assert board.of("srv_files", 45.1) == Seen(0)


def test_workers_that_come_and_go_do_not_fill_the_memory():
    board = HealthBoard()
    for number in range(2000):
        board.take(told(f"worker {number}", State.OPEN), number / 1000)

    assert board.of("srv_files", 2).gateways == 256
