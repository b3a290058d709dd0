"""`/v1/secrets`: shows versions and counts, never keys; rotates for whoever is at the machine only."""

from collections.abc import Awaitable, Callable

import httpx
import pytest

from gatewayops.api.app import ControlParts
from gatewayops.base.crypto import Sealer
from gatewayops.store.control import snapshot_feed
from gatewayops.store.secrets.keyring import Keyring

ClientMaker = Callable[..., Awaitable[httpx.AsyncClient]]

SERVER = {
    "name": "github",
    "url": "https://93.184.215.14/mcp",
    "headers": {"Authorization": "Bearer of-github"},
}


async def rotated(admin: httpx.AsyncClient) -> dict:
    asked = {"begins": True, "renews_data_keys": True}
    now = (await admin.post("/v1/secrets/rotation", json=asked)).json()["rotation"]
    while not now["is_done"]:
        now = (await admin.post("/v1/secrets/rotation", json={"begins": False})).json()["rotation"]
    return now


async def test_headers_are_sealed_by_a_data_key_and_survive_a_rotation(
    admin: httpx.AsyncClient, parts: ControlParts
) -> None:
    assert (await admin.post("/v1/servers", json=SERVER)).status_code == 201
    status = (await admin.get("/v1/secrets")).json()["secrets"]
    assert status == {
        "provider": "local",
        "master_key": "local:1",
        "versions": [{"version": "local:1", "data_keys": 1}],
        "values": 1,
        "values_to_seal_anew": 0,
    }
    assert (await rotated(admin))["master_key"] == "local:2"
    async with parts.database.reading() as session:
        built = await snapshot_feed.build(session)
    gateway = Keyring(parts.credentials.keyring.masters, before=Sealer(b"s" * 32))
    assert gateway.learn(built.data_keys) == ()
    (row,) = built.servers
    assert b"of-github" in gateway.open(row.sealed_headers, bound_to=row.bound_to())
    now = (await admin.get("/v1/secrets")).json()["secrets"]
    assert now["versions"] == [{"version": "local:2", "data_keys": 2}]
    assert now["values_to_seal_anew"] == 0


async def test_a_key_sees_its_own_organisation_and_rotates_nothing(
    admin: httpx.AsyncClient, client_of: ClientMaker
) -> None:
    await admin.post("/v1/servers", json=SERVER)
    other = await client_of("org_other", "*")
    shown = (await other.get("/v1/secrets")).json()["secrets"]
    assert (shown["versions"], shown["values"]) == ([], 0)
    refused = await other.post("/v1/secrets/rotation", json={"begins": True})
    assert refused.status_code == 403
    reader = await client_of("org_default", "secrets.read")
    assert (await reader.post("/v1/secrets/rotation", json={"begins": True})).status_code == 403
    assert (await (await client_of("org_default", "keys.read")).get("/v1/secrets")).status_code == 403
    assert (await admin.get("/v1/secrets")).json()["secrets"]["master_key"] == "local:1"


@pytest.mark.parametrize("body", [{}, {"begins": "perhaps"}, {"begins": True, "key": "x"}])
async def test_what_makes_no_sense_is_refused(admin: httpx.AsyncClient, body: dict) -> None:
    assert (await admin.post("/v1/secrets/rotation", json=body)).status_code == 400
