"""From where people sign in: what a proxy says counts only if the operator trusts it."""

from dataclasses import replace
from typing import Any

import httpx

from gatewayops.api.app import ControlParts
from gatewayops.protocol.forwarded import TrustedProxies

from .accounts import PASSWORD, user

SAID = {"X-Forwarded-For": "6.6.6.6, 203.0.113.7, 10.0.0.9", "X-Forwarded-Proto": "https"}


def from_(anyone: httpx.AsyncClient, peer: str) -> httpx.AsyncClient:
    """A client whose connection comes from there."""
    transport = httpx.ASGITransport(anyone._transport.app, client=(peer, 4711))
    return httpx.AsyncClient(transport=transport, base_url="http://c")


async def seen(client: httpx.AsyncClient, admin: httpx.AsyncClient) -> str:
    """The address of the session that a sign-in with the header begins."""
    body = {"email": "ada@example.com", "password": PASSWORD}
    answer = await client.post("/v1/auth/sign-in", json=body, headers=SAID)
    assert answer.status_code == 200, answer.text
    sessions: list[dict[str, Any]] = (await admin.get("/v1/auth/sessions")).json()["sessions"]
    return str(next(one["address"] for one in sessions if one["id"] == answer.json()["session_id"]))


async def test_a_header_from_anywhere_else_is_forged(
    admin: httpx.AsyncClient, anyone: httpx.AsyncClient
) -> None:
    await user(admin)
    assert await seen(from_(anyone, "198.51.100.9"), admin) == "198.51.100.9"
    form = {"email": "ada@example.com", "password": PASSWORD}
    headers = SAID | {"Origin": "http://127.0.0.1:8080"}
    answer = await from_(anyone, "198.51.100.9").post("/sign-in", data=form, headers=headers)
    assert (answer.status_code, "public_url" in answer.text) == (400, True)


async def test_of_a_trusted_proxy_the_nearest_address_that_is_not_ours_counts(
    admin: httpx.AsyncClient, anyone: httpx.AsyncClient, parts: ControlParts
) -> None:
    await user(admin)
    app: Any = anyone._transport.app
    app.state.parts = replace(parts, trusted_proxies=TrustedProxies(("10.0.0.0/8", "198.51.100.9")))
    assert await seen(from_(anyone, "198.51.100.9"), admin) == "203.0.113.7"
    assert await seen(from_(anyone, "198.51.100.10"), admin) == "198.51.100.10"
    form = {"email": "ada@example.com", "password": PASSWORD}
    headers = SAID | {"Origin": "http://127.0.0.1:8080"}
    answer = await from_(anyone, "198.51.100.9").post("/sign-in", data=form, headers=headers)
    assert (answer.status_code, answer.headers["set-cookie"][:18]) == (303, "__Host-gatewayops=")


async def test_limits_go_by_the_address_that_is_believed(
    admin: httpx.AsyncClient, anyone: httpx.AsyncClient
) -> None:
    await user(admin)
    body = {"email": "ada@example.com", "password": "not the password"}
    for peer, name in enumerate(("x-forwarded-for", "forwarded", "x-real-ip")):
        stranger = from_(anyone, f"198.51.100.{peer}")
        tried = [
            await stranger.post("/v1/auth/sign-in", json=body, headers={name: f"203.0.113.{number}"})
            for number in range(6)
        ]
        assert [answer.status_code for answer in tried] == [401] * 5 + [429], name
