"""The servers of a snapshot: found by organisation and name, kept while unchanged, bounded."""

import json

import pytest

from gatewayops.base.crypto import Sealer
from gatewayops.store.snapshot import ServerRow
from gatewayops.upstream.registry import Registry, ServerBusy
from gatewayops.upstream.settings import UpstreamSettings

SEALER = Sealer(b"k" * 32)


def row(name="files", *, org="org_1", url="http://files.example/mcp?t=1", headers=None, **changes):
    made = ServerRow(f"srv_{org}_{name}", org, name, url, 30, 5, 2, changes.get("max_in_flight", 2), True)
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
