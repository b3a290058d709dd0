"""A browser on the page of second factors."""

import html
import re

import httpx

from .authenticator import Phone


def told(page: httpx.Response, name: str) -> str:
    """A field's value."""
    found = re.search(f'name="{name}" value="([^"]*)"', page.text)
    assert found, page.text
    return html.unescape(found[1])


async def do(browser: httpx.AsyncClient, what: str, **fields: str) -> httpx.Response:
    """Sends a form of the page of second factors."""
    page = await browser.get("/second-factors")
    form = {"form_token": told(page, "form_token"), "do": what, **fields}
    return await browser.post("/second-factors", data=form)


async def add_app(browser: httpx.AsyncClient) -> tuple[Phone, httpx.Response]:
    shown = await do(browser, "begin-totp")
    assert "<svg" in shown.text
    assert "style=" not in shown.text.partition("</head>")[2]  # our policy would not let it count
    phone = Phone(re.findall(r"<code>([A-Z2-7 ]+)</code>", shown.text)[0].replace(" ", ""))
    return phone, await do(browser, "confirm-totp", code=phone.code(steps=-1))
