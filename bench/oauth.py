"""python -m bench.oauth: how many requests a second the OAuth server's endpoints take on one core.

The control API in this process over SQLite, asked as a server asks it; CPU time of the whole process, with
the database's thread. Signing in is not among them: a password costs its 27 ms on purpose.
"""

import asyncio
import os
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import urlencode

from bench.report import Goal
from gatewayops.api.app import ControlParts, create_app
from gatewayops.api.settings import ControlSettings
from gatewayops.base.crypto import Sealer
from gatewayops.identity.oauth import pkce, tokens
from gatewayops.store.control import directory, end_users, oauth_clients, oauth_grants, oauth_servers, servers
from gatewayops.store.control.credentials import Credentials
from gatewayops.store.control.database import Database, migrate
from gatewayops.store.control.oauth_clients import Client, ClientSpec
from gatewayops.store.control.oauth_grants import Approval, CodeUse
from gatewayops.store.control.servers import Headers, ServerSpec
from gatewayops.store.secrets.keyring import Keyring
from gatewayops.store.secrets.local import LocalMaster
from gatewayops.store.secrets.master import Masters
from gatewayops.store.telemetry.client import Telemetry
from gatewayops.upstream.settings import UpstreamSettings

_REQUESTS = 400
_AT_ONCE = 4
_LEAST = 200
_ORG = directory.DEFAULT_ORG
_CALLBACK = "https://client.example/callback"
_CHALLENGE = pkce.challenge_of("v" * 43)
_RESOURCE = "http://127.0.0.1:8080/v1/mcp/notes"


class Door:
    """Asks the app without a network between."""

    def __init__(self, parts: ControlParts) -> None:
        """Builds the app."""
        self.app = create_app(parts)

    async def ask(self, method: str, path: str, *, query: str = "", form: str = "") -> int:
        """The status."""
        headers = [(b"content-type", b"application/x-www-form-urlencoded")] if form else []
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "headers": headers,
        }
        scope |= {"query_string": query.encode(), "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 1)}
        scope |= {"scheme": "http", "http_version": "1.1", "root_path": ""}
        statuses: list[int] = []

        async def receive() -> dict[str, object]:
            return {"type": "http.request", "body": form.encode()}

        async def send(message: dict[str, object]) -> None:
            if message["type"] == "http.response.start":
                statuses.append(int(str(message["status"])))

        await self.app(scope, receive, send)  # type: ignore[arg-type]  # messages are plain dicts here
        return statuses[0]


async def stocked(database: Database) -> tuple[Client, list[str]]:
    """A protected server with a client, and refresh tokens of many grants."""
    spec = ServerSpec("notes", "http://x", 5.0, 2.0, 0, 9, True, auth=oauth_servers.PROTECTED)
    async with database.session() as session:
        await directory.ensure_default(session)
        known = await servers.add(session, org_id=_ORG, server_id="srv_1", spec=spec, headers=Headers())
        about = ClientSpec(name="bench", redirect_uris=(_CALLBACK,), auth_method="none")
        client = await oauth_clients.add(
            session, org_id=_ORG, server_id=known.id, kind="dynamic", spec=about, secret_hash=""
        )
        user = await end_users.add(session, org_id=_ORG, email="a@example.com", name="", password_hash="")
        refresh = [tokens.new_token("rt") for _ in range(_REQUESTS)]
        for one in refresh:
            code = tokens.digest(tokens.new_token("ac"))
            approval = Approval(known.id, user.id, client.id, "", _CALLBACK, _CHALLENGE)
            await oauth_grants.approve(session, org_id=_ORG, approval=approval, code_digest=code)
            use = CodeUse(known.id, client.id, code, _CHALLENGE, "")
            await oauth_grants.use_code(session, org_id=_ORG, use=use, refresh_digest=tokens.digest(one))
    return client, refresh


async def rate(what: str, ask: Callable[[int], Awaitable[int]], *, expected: int) -> None:
    """Prints how many a second, by CPU time."""
    statuses: list[int] = []
    begun, clock = time.process_time(), time.perf_counter()
    for first in range(0, _REQUESTS, _AT_ONCE):
        statuses += await asyncio.gather(*(ask(first + n) for n in range(_AT_ONCE)))
    spent, waited = time.process_time() - begun, time.perf_counter() - clock
    assert set(statuses) == {expected}, set(statuses)
    figure = _REQUESTS / spent
    mark = "met    " if Goal(what, -figure, -_LEAST, "/s").is_met else "NOT met"
    print(f"  {mark}  {what}: {figure:,.0f} a second of CPU, {_REQUESTS / waited:,.0f} a second of the clock")


async def measure(folder: Path) -> None:
    """All endpoints, one after the other."""
    url = f"sqlite+aiosqlite:///{folder / 'control.db'}"
    await migrate(url)
    database, sealer = Database.open(url), Sealer(b"s" * 32)
    master = LocalMaster(folder / "secrets")
    keyring = Keyring(Masters("local", {"local": lambda: master}), before=sealer)
    parts = ControlParts(
        database=database,
        telemetry=Telemetry(url="http://127.0.0.1:1", user="", password="", database="x", retention_days=1),
        sealer=sealer,
        credentials=Credentials(database, keyring),
        settings=ControlSettings(),
        upstream=UpstreamSettings(),
        internal_token="x",
    )
    client, refresh = await stocked(database)
    door = Door(parts)
    base = "/oauth/notes"
    asked = {"response_type": "code", "client_id": client.client_id, "redirect_uri": _CALLBACK, "state": "x"}
    asked |= {"code_challenge": _CHALLENGE, "code_challenge_method": "S256", "resource": _RESOURCE}
    query = urlencode(asked)

    def form(number: int) -> str:
        given = {
            "grant_type": "refresh_token",
            "refresh_token": refresh[number],
            "client_id": client.client_id,
        }
        return urlencode(given)

    async with door.app.router.lifespan_context(door.app):
        await door.app.state.watch.newer_than(0, wait_s=5)  # a gateway has asked for rules, as always
        print(f"{_REQUESTS} requests each, load {os.getloadavg()[0]:.1f}; goal: {_LEAST} a second")
        path = f"/.well-known/oauth-authorization-server{base}"
        await rate("discovery", lambda _: door.ask("GET", path), expected=200)
        await rate("keys", lambda _: door.ask("GET", f"{base}/jwks"), expected=200)
        await rate("authorize", lambda _: door.ask("GET", f"{base}/authorize", query=query), expected=303)
        await rate("refresh", lambda n: door.ask("POST", f"{base}/token", form=form(n)), expected=200)
    await database.close()


def main() -> None:
    """Prints the figures and whether the goal is met."""
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(Path(folder)))


if __name__ == "__main__":
    main()
