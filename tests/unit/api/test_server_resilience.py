"""Thresholds of a server over REST, and its health as gateways tell it."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from gatewayops.api.app import ControlParts
from gatewayops.store import snapshot
from gatewayops.store.control import snapshot_feed

ClientMaker = Callable[..., Awaitable[httpx.AsyncClient]]

INTERNAL_TOKEN = "only our own roles know this"
TELL = "/internal/servers/health"
TOLD = {
    "server_id": "?",
    "state": "open",
    "since": 1.7e9,
    "retry_at": 1.7e9 + 5,
    "last_failure": "status 503",
}
FIELDS: dict[str, Any] = {
    "retry_base_ms": 10,
    "retry_max_ms": 100,
    "retry_budget_percent": 0,
    "breaker_failures": 0,
    "breaker_percent": 100,
    "breaker_window_s": 1.5,
    "breaker_open_s": 0.5,
    "breaker_probes": 3,
    "caller_share_percent": 1,
}


async def add(client: httpx.AsyncClient, **body: Any) -> dict[str, Any]:
    url = "https://93.184.215.14/mcp"
    answer = await client.post("/v1/servers", json={"name": "github", "url": url, **body})
    assert answer.status_code == 201
    server: dict[str, Any] = answer.json()["server"]
    return server


async def tell(client: httpx.AsyncClient, body: object, *, token: str = INTERNAL_TOKEN) -> httpx.Response:
    return await client.post(TELL, json=body, headers={"x-gatewayops-internal": token})


async def test_a_server_has_sensible_thresholds(admin: httpx.AsyncClient) -> None:
    server = await add(admin)

    assert {name: server[name] for name in FIELDS} == {
        name: getattr(snapshot.Resilience(), name) for name in FIELDS
    }
    assert server["health"]["state"] == "unknown"


async def test_thresholds_are_given_changed_and_reach_the_gateways(
    admin: httpx.AsyncClient, parts: ControlParts
) -> None:
    server = await add(admin, **FIELDS)
    assert {name: server[name] for name in FIELDS} == FIELDS
    answer = await admin.patch("/v1/servers/github", json={"breaker_failures": 7, "retry_base_ms": 0})
    assert answer.json()["server"]["breaker_failures"] == 7

    async with parts.database.reading() as session:
        (row,) = (await snapshot_feed.build(session)).servers
    sent = {name: getattr(row, name) for name in FIELDS}
    assert sent == FIELDS | {"breaker_failures": 7, "retry_base_ms": 0}


@pytest.mark.parametrize(
    "field",
    [
        {"breaker_percent": 0},
        {"breaker_percent": 101},
        {"breaker_failures": -1},
        {"breaker_probes": 0},
        {"breaker_open_s": 0},
        {"breaker_window_s": 1e9},
        {"retry_budget_percent": 101},
        {"retry_max_ms": 10**9},
        {"caller_share_percent": 0},
        {"breaker_probes": 2**70},
    ],
)
async def test_what_makes_no_sense_is_refused_by_name(
    admin: httpx.AsyncClient, field: dict[str, Any]
) -> None:
    await add(admin)
    answer = await admin.patch("/v1/servers/github", json=field)

    assert answer.status_code == 400
    assert next(iter(field)) in answer.json()["message"]


async def test_what_gateways_tell_is_shown(admin: httpx.AsyncClient, anyone: httpx.AsyncClient) -> None:
    server = await add(admin)
    await tell(anyone, {"worker": "one"})
    assert (await admin.get("/v1/servers/github")).json()["server"]["health"]["state"] == "closed"

    answer = await tell(anyone, {"worker": "two", "servers": [{**TOLD, "server_id": server["id"]}]})
    assert answer.status_code == 204
    health = (await admin.get(f"/v1/servers/{server['id']}")).json()["server"]["health"]
    assert health == {
        "state": "open",
        "gateways": 2,
        "since": "2023-11-14T22:13:20Z",
        "retry_at": "2023-11-14T22:13:25Z",
        "last_failure": "status 503",
        "openings": 0,
    }
    (listed,) = (await admin.get("/v1/servers")).json()["servers"]
    assert listed["health"] == health


async def test_only_our_own_roles_may_tell(
    anyone: httpx.AsyncClient, admin: httpx.AsyncClient, client_of: ClientMaker
) -> None:
    key = await client_of("org_default", "*")

    assert (await tell(anyone, {"worker": "x"}, token="guess")).status_code in (401, 403, 404)
    assert (await key.post(TELL, json={"worker": "x"})).status_code in (401, 403, 404)
    await add(admin)
    assert (await admin.get("/v1/servers/github")).json()["server"]["health"]["gateways"] == 0


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"worker": 1},
        {"worker": "x", "servers": [{"server_id": "s", "state": "strange", "since": 1}]},
        {"worker": "x", "servers": [{**TOLD, "since": 1e300}]},
    ],
)
async def test_a_report_that_makes_no_sense_is_refused(anyone: httpx.AsyncClient, body: object) -> None:
    assert (await tell(anyone, body)).status_code == 400
