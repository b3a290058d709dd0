"""The servers of a snapshot: found by organisation and name, kept while unchanged, bounded."""

import json
import time

import msgspec
import pytest

from gatewayops.base.crypto import Sealer
from gatewayops.store.snapshot import ServerRow
from gatewayops.upstream.breaker import CircuitOpen
from gatewayops.upstream.exchange import ConnectionBroken, Exchange
from gatewayops.upstream.pool import UpstreamUnreachable
from gatewayops.upstream.registry import Registry, ServerBusy
from gatewayops.upstream.settings import UpstreamSettings

SEALER = Sealer(b"k" * 32)


def row(name="files", *, org="org_1", url="http://files.example/mcp?t=1", headers=None, **changes):
    made = ServerRow(f"srv_{org}_{name}", org, name, url, 30, 5, 2, 2, True)
    made = msgspec.structs.replace(made, **changes)
    if headers is None:
        return made
    sealed = SEALER.seal(json.dumps(headers).encode(), bound_to=made.bound_to())
    return ServerRow(made.id, org, name, url, 30, 5, 2, 2, True, sealed)


@pytest.fixture
def registry():
    return Registry(UpstreamSettings(), SEALER)


def test_a_server_is_found_in_its_organisation_only(registry):
    registry.replace((row(), row(org="org_2")))

    assert registry.find("org_1", "files").row.id == "srv_org_1_files"
    assert registry.find("org_2", "files").row.id == "srv_org_2_files"
    assert registry.find("org_3", "files") is None
    assert registry.find("org_1", "Files") is None


def test_an_unchanged_server_keeps_its_connections_and_a_changed_one_does_not(registry):
    registry.replace((row("same"), row("moved"), row("gone")))
    before = {name: registry.find("org_1", name) for name in ("same", "moved", "gone")}
    registry.replace((row("same"), row("moved", url="http://elsewhere.example/")))

    assert registry.find("org_1", "same") is before["same"]
    assert registry.find("org_1", "moved") is not before["moved"]
    assert registry.find("org_1", "gone") is None
    assert [before[name].pool._is_closed for name in ("same", "moved", "gone")] == [False, True, True]


def test_a_request_has_the_servers_own_headers_and_no_second_copy(registry):
    registry.replace((row(headers={"Authorization": "Bearer s3cret", "X-Own": "1"}),))
    raw = registry.find("org_1", "files").request(b"POST", [(b"x-own", b"2"), (b"accept", b"*/*")], b"{}")

    assert raw == (
        b"POST /mcp?t=1 HTTP/1.1\r\nhost: files.example\r\naccept-encoding: identity\r\n"
        b"Authorization: Bearer s3cret\r\nX-Own: 1\r\naccept: */*\r\n"
        b"content-type: application/json\r\ncontent-length: 2\r\n\r\n{}"
    )


def test_a_request_without_body_says_nothing_of_one(registry):
    registry.replace((row(url="http://files.example"),))
    raw = registry.find("org_1", "files").request(b"GET", [], b"")

    assert raw == b"GET / HTTP/1.1\r\nhost: files.example\r\naccept-encoding: identity\r\n\r\n"


@pytest.mark.parametrize(
    "moved",
    [
        pytest.param({"name": "other"}, id="to another server"),
        pytest.param({"org": "org_2"}, id="to another organisation"),
    ],
)
def test_headers_that_were_moved_do_not_open_and_leave_their_server_out(registry, moved):
    sealed = row(headers={"x": "1"}).sealed_headers
    made = row(**{"name": "files", "org": "org_1", **moved})
    stolen = ServerRow(made.id, made.org_id, made.name, made.url, 30, 5, 2, 2, True, sealed)
    registry.replace((stolen, row("fine")))

    assert registry.find(made.org_id, made.name) is None
    assert registry.find("org_1", "fine") is not None


def test_slots_are_counted_and_given_back(registry):
    registry.replace((row(),))
    upstream = registry.find("org_1", "files")
    upstream.take_slot()
    upstream.take_slot()
    with pytest.raises(ServerBusy):
        upstream.take_slot()
    upstream.give_slot()
    upstream.take_slot()

    assert upstream.in_flight == 2
    assert upstream.calls == 3


def test_one_caller_cannot_take_all_slots(registry):
    registry.replace((row(max_in_flight=10, caller_share_percent=50),))
    upstream = registry.find("org_1", "files")
    for _ in range(5):
        upstream.take_slot("key_greedy")
    with pytest.raises(ServerBusy, match="this key already has 5 of the 10"):
        upstream.take_slot("key_greedy")
    for _ in range(5):
        upstream.take_slot("key_other")
    with pytest.raises(ServerBusy, match="files already has 10"):
        upstream.take_slot("key_third")
    upstream.give_slot("key_greedy")
    upstream.take_slot("key_greedy")

    for caller in ("key_greedy", "key_other"):
        for _ in range(5):
            upstream.give_slot(caller)
    assert (upstream.in_flight, upstream._held) == (0, {})


@pytest.mark.parametrize(("most", "share"), [(1, 1), (2, 2), (10, 9), (100, 90)])
def test_a_share_is_rounded_up_so_that_a_small_server_can_be_used(registry, most, share):
    registry.replace((row(max_in_flight=most, caller_share_percent=90),))
    upstream = registry.find("org_1", "files")
    for _ in range(share):
        upstream.take_slot("key_1")
    with pytest.raises(ServerBusy):
        upstream.take_slot("key_1")


def test_an_open_breaker_survives_news_that_are_not_of_its_server(registry):
    registry.replace((row(), row("other")))
    upstream = registry.find("org_1", "files")
    upstream.admit()
    for _ in range(5):
        upstream.ended(0, error=ConnectionBroken("x", got_bytes=False))
    registry.replace((row(), row("other", url="http://elsewhere.example/")))

    with pytest.raises(CircuitOpen) as refused:
        registry.find("org_1", "files").admit()
    assert refused.value.extra == {"server": "files", "retry_after_s": 5}
    registry.find("org_1", "other").admit()
    registry.replace((row(breaker_open_s=1),))
    registry.find("org_1", "files").admit()


def test_what_may_be_sent_again_waits_and_an_open_breaker_ends_it(registry):
    registry.replace((row(retry_base_ms=0),))
    upstream = registry.find("org_1", "files")
    refused = UpstreamUnreachable("x")
    begun = time.perf_counter_ns()

    assert upstream.delay_s(refused, is_safe=False, attempt=0, begun_ns=begun) == 0
    assert upstream.delay_s(refused, is_safe=False, attempt=2, begun_ns=begun) is None
    assert upstream.delay_s(refused, is_safe=False, attempt=0, begun_ns=begun - 30_000_000_000) is None
    assert upstream.retries.sent == 1
    for _ in range(5):
        upstream.ended(begun, error=refused)
    assert upstream.delay_s(refused, is_safe=False, attempt=0, begun_ns=begun) is None


@pytest.mark.parametrize(
    ("status", "body", "failure"),
    [
        pytest.param(200, b'{"jsonrpc":"2.0"}', "", id="an answer"),
        pytest.param(200, b' [{"jsonrpc":"2.0"}]', "", id="a batch"),
        pytest.param(202, b"", "", id="accepted"),
        pytest.param(404, b"<h1>no</h1>", "", id="404"),
        pytest.param(401, b"", "", id="401"),
        pytest.param(200, b"<h1>welcome</h1>", "upstream_broken", id="a page"),
        pytest.param(503, b'{"jsonrpc":"2.0"}', "status 503", id="503"),
    ],
)
def test_each_answer_speaks_for_its_server_or_against_it(registry, status, body, failure):
    registry.replace((row(breaker_failures=1),))
    upstream = registry.find("org_1", "files")
    exchange = Exchange(None, streams_all=False)
    exchange.status = status
    exchange.finish(body)
    upstream.answered(exchange, time.perf_counter_ns())

    assert upstream.breaker.is_closed is (failure == "")
    assert upstream.breaker.last_failure == failure
