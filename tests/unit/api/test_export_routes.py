"""Export destinations over REST."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

ClientMaker = Callable[..., Awaitable[httpx.AsyncClient]]

HONEYCOMB = {"name": "comb", "preset": "honeycomb", "endpoint": "https://1.1.1.1", "api_key": "very-secret"}


async def test_a_destination_is_added_shown_listed_switched_audited_and_removed(
    admin: httpx.AsyncClient,
) -> None:
    answer = await admin.post("/v1/exports", json=HONEYCOMB)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()["export"]
    assert made["header_names"] == ["x-honeycomb-team"]
    assert "very-secret" not in answer.text
    assert made["state"]["queued_bytes"] == 0
    assert (await admin.post("/v1/exports", json=HONEYCOMB)).status_code == 409
    assert (await admin.get("/v1/exports/comb")).json()["export"] == made
    assert [row["id"] for row in (await admin.get("/v1/exports")).json()["exports"]] == [made["id"]]
    changed = await admin.patch("/v1/exports/comb", json={"enabled": False})
    assert changed.json()["export"]["enabled"] is False
    assert (await admin.delete("/v1/exports/comb")).status_code == 204
    assert (await admin.get("/v1/exports/comb")).status_code == 404
    log = await admin.get("/v1/logs/audit")
    told = [row["action"] for row in log.json()["entries"] if "export" in row["action"]]
    assert told == ["export_destination.removed", "export_destination.changed", "export_destination.created"]
    assert "very-secret" not in log.text


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"endpoint": "http://127.0.0.1:4318"}, 400),
        ({"endpoint": "http://169.254.169.254/"}, 400),
        ({"endpoint": "ftp://1.1.1.1"}, 400),
        ({"preset": "datadog", "endpoint": ""}, 400),
        ({"preset": "generic"}, 400),
        ({"headers": {"host": "x"}}, 400),
        ({"protocol": "udp"}, 400),
        ({"protocol": "grpc", "endpoint": "https://1.1.1.1/v1/traces"}, 400),
        ({"protocol": "grpc", "headers": {"trace-bin": "x"}}, 400),
        ({"protocol": "grpc", "preset": "datadog"}, 400),
        ({"sample_ratio": 2}, 400),
        ({"statuses": ["denied"]}, 400),
    ],
)
async def test_what_cannot_be_a_destination_is_refused(
    admin: httpx.AsyncClient, change: dict[str, Any], status: int
) -> None:
    answer = await admin.post("/v1/exports", json=HONEYCOMB | change)
    assert answer.status_code in (status, 422), answer.text
    assert "very-secret" not in answer.text


async def test_everything_but_the_name_of_a_destination_can_be_changed(admin: httpx.AsyncClient) -> None:
    await admin.post("/v1/exports", json=HONEYCOMB)
    wanted = {
        "protocol": "grpc",
        "gzip": False,
        "with_payloads": True,
        "enabled": False,
        "servers": ["github"],
        "statuses": ["error"],
        "sample_ratio": 0.5,
    }
    changed = (await admin.patch("/v1/exports/comb", json=wanted)).json()["export"]
    assert {name: changed[name] for name in wanted} == wanted
    assert changed["header_names"] == ["x-honeycomb-team"]
    again = await admin.patch("/v1/exports/comb", json={"headers": {"x-other": "more-secret"}, "servers": []})
    assert again.json()["export"]["header_names"] == ["x-other"]
    assert again.json()["export"]["servers"] == []
    log = await admin.get("/v1/logs/audit", params={"action": "export_destination.changed"})
    assert log.json()["entries"][0]["after"]["headers_sealed"] == "changed"
    assert "more-secret" not in again.text + log.text


async def test_a_destination_that_is_not_allowed_any_more_can_be_switched_off(
    admin: httpx.AsyncClient, client_of: ClientMaker
) -> None:
    private = {"name": "near", "endpoint": "http://127.0.0.1:4318", "allow_private_network": True}
    assert (await admin.post("/v1/exports", json=private)).status_code == 201
    writer = await client_of("org_default", "exports.write")
    assert (await writer.patch("/v1/exports/near", json={"enabled": True})).status_code == 403
    off = await writer.patch("/v1/exports/near", json={"enabled": False})
    assert off.json()["export"]["enabled"] is False


@pytest.mark.parametrize(
    "change",
    [
        {"endpoint": "https://1.0.0.1"},
        {"endpoint": "http://1.1.1.1"},
        {"endpoint": "https://1.1.1.1:8443"},
    ],
)
async def test_headers_do_not_follow_to_another_host(
    admin: httpx.AsyncClient, change: dict[str, Any]
) -> None:
    await admin.post("/v1/exports", json=HONEYCOMB)
    refused = await admin.patch("/v1/exports/comb", json=change)
    assert refused.status_code == 400
    assert refused.json()["message"].startswith("headers: give them again")
    assert (await admin.patch("/v1/exports/comb", json=change | {"headers": {}})).status_code == 200
    changed = await admin.patch("/v1/exports/comb", json=change | {"api_key": "new-secret"})
    assert changed.json()["export"]["endpoint"] == change["endpoint"]
    assert changed.json()["export"]["header_names"] == ["x-honeycomb-team"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"endpoint": "ftp://1.1.1.1"}, "endpoint"),
        ({"endpoint": "https://1.1.1.1:99999"}, "endpoint"),
        ({"endpoint": ""}, "endpoint"),
        ({"endpoint": "https://127.0.0.1", "headers": {}}, "endpoint"),
        ({"endpoint": "https://1.1.1.1/x", "protocol": "grpc"}, "endpoint"),
        ({"headers": {"host": "x"}}, "headers.host"),
        ({"statuses": ["denied"]}, "statuses"),
        ({"name": "other"}, "name"),
    ],
)
async def test_a_change_that_makes_no_destination_names_its_field(
    admin: httpx.AsyncClient, change: dict[str, Any], field: str
) -> None:
    made = (await admin.post("/v1/exports", json=HONEYCOMB)).json()
    answer = await admin.patch("/v1/exports/comb", json=change)
    assert answer.status_code == 400
    assert answer.json()["message"].startswith(field)
    assert (await admin.get("/v1/exports/comb")).json() == made


async def test_a_key_changes_no_destination_beyond_its_servers(
    admin: httpx.AsyncClient, client_of: ClientMaker
) -> None:
    await admin.post("/v1/exports", json=HONEYCOMB | {"servers": ["github"]})
    narrow = await client_of("org_default", "exports.*", servers=("github",))
    assert (await narrow.patch("/v1/exports/comb", json={"servers": []})).status_code == 403
    assert (await narrow.patch("/v1/exports/comb", json={"sample_ratio": 0.1})).status_code == 200
    await admin.patch("/v1/exports/comb", json={"servers": []})
    assert (await narrow.patch("/v1/exports/comb", json={"sample_ratio": 1})).status_code == 403
    other = await client_of("org_other", "exports.*")
    assert (await other.patch("/v1/exports/comb", json={"enabled": False})).status_code == 404


async def test_keys_export_only_servers_they_cover_and_only_their_organisation_s(
    admin: httpx.AsyncClient, client_of: ClientMaker
) -> None:
    narrow = await client_of("org_default", "exports.*", servers=("github",))
    assert (await narrow.post("/v1/exports", json=HONEYCOMB)).status_code == 403
    assert (await narrow.post("/v1/exports", json=HONEYCOMB | {"servers": ["github"]})).status_code == 201
    private = {"name": "in", "endpoint": "http://127.0.0.1:4318", "allow_private_network": True}
    assert (await narrow.post("/v1/exports", json=private | {"servers": ["github"]})).status_code == 403
    other = await client_of("org_other", "exports.*")
    assert (await other.get("/v1/exports/comb")).status_code == 404
    assert (await other.delete("/v1/exports/comb")).status_code == 404
    reader = await client_of("org_default", "exports.read")
    assert (await reader.delete("/v1/exports/comb")).status_code == 403


async def test_a_test_tells_what_the_other_side_said(admin: httpx.AsyncClient) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 401 No\r\ncontent-length: 11\r\n\r\nunknown key")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    body = {"name": "in", "endpoint": f"http://127.0.0.1:{port}", "allow_private_network": True}
    assert (await admin.post("/v1/exports", json=body)).status_code == 201
    said = (await admin.post("/v1/exports/in/test")).json()
    assert said == {
        "is_accepted": False,
        "answer": "HTTP 401 unknown key",
        "status": 401,
        "body": "unknown key",
        "error": None,
    }
    server.close()
    await server.wait_closed()
    said = (await admin.post("/v1/exports/in/test")).json()
    assert (said["is_accepted"], said["status"], said["error"]) == (False, 0, "127.0.0.1: ConnectError")
