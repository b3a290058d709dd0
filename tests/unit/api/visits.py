"""Browsers at the identity provider of the tests, and back."""

import ssl
from typing import Any

import httpx

NO_ROOTS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For plain http: to read every root certificate takes time."""


async def answered(browser: httpx.AsyncClient, provider: dict[str, Any], **query: str) -> str:
    """The address to which the provider sends this browser back."""
    started = await browser.get(f"/sign-in/sso/{provider['id']}", params=query)
    if started.status_code == 200:  # signed in: asked first
        started = await browser.post(f"/sign-in/sso/{provider['id']}", data=query)
    assert started.status_code == 303, started.text
    async with httpx.AsyncClient(verify=NO_ROOTS) as outside:
        back = (await outside.get(started.headers["location"])).headers["location"]
    assert back.startswith(provider["redirect_uri"])
    return str(back)


async def came_in(browser: httpx.AsyncClient, provider: dict[str, Any], **query: str) -> httpx.Response:
    return await browser.get(await answered(browser, provider, **query))


async def who(browser: httpx.AsyncClient) -> str:
    answer = await browser.get("/v1/auth/session")
    return str(answer.json()["user"]["email"]) if answer.status_code == 200 else ""
