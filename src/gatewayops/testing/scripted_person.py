"""ScriptedPerson: somebody with a browser who signs up at a protected server and allows what clients ask.

Follows what the pages of the authorization server say, as a browser would: links, hidden fields, cookies, the
Origin of forms. Used by journeys that let real clients sign in.
"""

import asyncio
import re
import ssl
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import httpx

PASSWORD = "correct horse battery"  # noqa: S105 - of nobody
_PATIENCE_S = 30.0
_CLIENT_S = 90.0
_BUTTON = re.compile(r'<form method="post" action="([^"]+)"')
_LINK = re.compile(r"https?://\S+/authorize\?\S+")


class _Hidden(HTMLParser):
    """The fields of a page's form that go back unchanged."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "input" and given.get("type") == "hidden":
            self.fields[given.get("name") or ""] = given.get("value") or ""


class ScriptedPerson:
    """One person; whoever has signed in once is known in this browser."""

    def __init__(
        self,
        email: str,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        elsewhere: Callable[[str], str] | None = None,
    ) -> None:
        """Has no account yet. `transport` carries what the browser sends, such as past the name service.

        `elsewhere` signs in at a provider, from its address to the one that it sends back to.
        """
        self._email = email
        self._elsewhere = elsewhere
        self._has_account = False
        self._transport = transport
        self._cookies = httpx.Cookies()

    async def allow(self, url: str) -> str:
        """Opens a client's link and goes on until the browser is sent to the client: that address."""
        origin = _origin(url)
        async with httpx.AsyncClient(
            cookies=self._cookies, timeout=_PATIENCE_S, verify=_tls(), transport=self._transport
        ) as browser:
            answer = await browser.get(url)
            while not (landed := _landed(answer, origin)):
                answer = await self._next(browser, answer)
            self._cookies = browser.cookies
        return landed

    async def attend(self, command: Sequence[str], *, env: Mapping[str, str]) -> tuple[int, str]:
        """Runs a client to its end and allows what it asks: its exit code, and all that it printed.

        The client shows its link on a line of its output and waits at an address of this machine.
        """
        pipe = asyncio.subprocess.PIPE
        client = await asyncio.create_subprocess_exec(
            *command, env=env, stdin=pipe, stdout=pipe, stderr=asyncio.subprocess.STDOUT, limit=1 << 20
        )
        assert client.stdout is not None
        said: list[str] = []
        try:
            async with (
                asyncio.timeout(_CLIENT_S),
                httpx.AsyncClient(timeout=_PATIENCE_S, verify=_tls()) as browser,
            ):
                while line := (await client.stdout.readline()).decode():
                    said.append(line)
                    if link := _LINK.search(line):
                        landed = await browser.get(await self.allow(link.group()))
                        landed.raise_for_status()
                return await client.wait(), "".join(said)
        finally:
            if client.returncode is None:
                client.kill()
                await client.wait()

    async def _next(self, browser: httpx.AsyncClient, answer: httpx.Response) -> httpx.Response:
        if answer.is_redirect:
            return await browser.get(urljoin(str(answer.url), answer.headers["location"]))
        answer.raise_for_status()
        page = answer.url.path.rpartition("/")[2]
        if page == "sign-in" and self._elsewhere is not None:
            return await self._through(browser, answer, self._elsewhere)
        self._has_account = self._has_account or page == "consent"
        if page == "sign-in" and not self._has_account:
            return await browser.get(str(answer.url).replace("/sign-in", "/sign-up"))
        typed = {"decision": "allow"} if page == "consent" else {"email": self._email, "password": PASSWORD}
        form = _Hidden(answer.text).fields | typed
        return await browser.post(str(answer.url), data=form, headers={"Origin": _origin(str(answer.url))})

    async def _through(
        self, browser: httpx.AsyncClient, page: httpx.Response, elsewhere: Callable[[str], str]
    ) -> httpx.Response:
        """Presses the first button that leads to a provider, and comes back."""
        button = _BUTTON.search(page.text)
        assert button is not None, page.text
        headers = {"Origin": _origin(str(page.url))}
        left = await browser.post(button[1], data=_Hidden(page.text).fields, headers=headers)
        return await browser.get(await asyncio.to_thread(elsewhere, left.headers["location"]))


@cache
def _tls() -> ssl.SSLContext:
    """One for all: making it reads every root certificate."""
    return httpx.create_ssl_context()


def _landed(answer: httpx.Response, origin: str) -> str:
    if not answer.is_redirect:
        return ""
    where = urljoin(str(answer.url), answer.headers["location"])
    return where if _origin(where) != origin else ""


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
