"""The control API in this process, over a SQLite file, with keys of two organisations."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from gatewayops.api.app import ControlParts, create_app
from gatewayops.api.settings import ControlSettings
from gatewayops.base import clock
from gatewayops.base.crypto import Sealer
from gatewayops.base.errors import Unavailable
from gatewayops.identity import keys as secrets
from gatewayops.identity import passwords
from gatewayops.record import spool
from gatewayops.store.control import keys
from gatewayops.store.control.credentials import Credentials
from gatewayops.store.control.database import Database
from gatewayops.store.secrets.keyring import Keyring
from gatewayops.store.secrets.local import LocalMaster
from gatewayops.store.secrets.master import Masters
from gatewayops.testing.fake_github import CLIENT_ID, CLIENT_SECRET, FakeGitHub, fake_github
from gatewayops.upstream.settings import UpstreamSettings

ADMIN_TOKEN = "only the person at the machine knows this"
INTERNAL_TOKEN = "only our own roles know this"

ClientMaker = Callable[..., Awaitable[httpx.AsyncClient]]


class SilentTelemetry:
    """A telemetry store that is down, or fails in another way."""

    fault: Exception = Unavailable("the telemetry store does not answer")

    async def rows(self, *_: object, **__: object) -> list[dict[str, Any]]:
        raise self.fault

    async def day_sums(self, *_: object) -> dict[str, list[Any]]:
        raise self.fault


@pytest.fixture(autouse=True)
def _cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "_COST", 4)
    monkeypatch.setattr(passwords, "_MEMORY_KIB", 64)
    monkeypatch.setattr(passwords, "_PASSES", 1)


@pytest.fixture
def still_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """One-time codes are of one moment, however long the test takes."""
    now_s = clock.unix_s()
    monkeypatch.setattr(clock, "unix_s", lambda: now_s)


@pytest.fixture
async def database(
    two_tenants_file: Path, copied_file: Callable[[Path], str], open_database: Callable[[str], Database]
) -> AsyncIterator[Database]:
    """A control store with the organisations `org_default` and `org_other`."""
    opened = open_database(copied_file(two_tenants_file))
    yield opened
    await opened.close()


@pytest.fixture
def settings() -> ControlSettings:
    """The defaults; a test module may give others."""
    return ControlSettings()


@pytest.fixture
def parts(database: Database, settings: ControlSettings, tmp_path: Path) -> ControlParts:
    """What the app is built from."""
    sealer, master = Sealer(b"s" * 32), LocalMaster(tmp_path / "secrets")
    return ControlParts(
        database=database,
        telemetry=SilentTelemetry(),
        sealer=sealer,
        credentials=Credentials(
            database, Keyring(Masters("local", {"local": lambda: master}), before=sealer)
        ),
        settings=settings,
        upstream=UpstreamSettings(),
        internal_token=INTERNAL_TOKEN,
        local_admin_token=ADMIN_TOKEN,
        outbox=tmp_path / "outbox",
    )


@pytest.fixture
async def anyone(parts: ControlParts) -> AsyncIterator[httpx.AsyncClient]:
    """A client that sends no key."""
    app = create_app(parts)
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://c") as c,
    ):
        yield c


@pytest.fixture
async def client_with(anyone: httpx.AsyncClient) -> AsyncIterator[Callable[[str], httpx.AsyncClient]]:
    """Makes a client that sends this bearer."""
    made: list[httpx.AsyncClient] = []

    def make(bearer: str) -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {bearer}"}
        client = httpx.AsyncClient(transport=anyone._transport, base_url="http://c", headers=headers)
        made.append(client)
        return client

    yield make
    for client in made:
        await client.aclose()


@pytest.fixture
def browser(anyone: httpx.AsyncClient) -> httpx.AsyncClient:
    """A browser on this machine: it keeps cookies, and says on which page it is."""
    address = "http://127.0.0.1:8080"
    headers = {"Origin": address}
    return httpx.AsyncClient(transport=anyone._transport, base_url=address, headers=headers)


@pytest.fixture
def admin(client_with: Callable[[str], httpx.AsyncClient]) -> httpx.AsyncClient:
    """The local administrator of org_default."""
    return client_with(ADMIN_TOKEN)


@pytest.fixture
def client_of(database: Database, client_with: Callable[[str], httpx.AsyncClient]) -> ClientMaker:
    """Makes a client with a new key: `await client_of("org_other", "keys.read", servers=("github",))`."""

    async def make(org_id: str, *actions: str, servers: tuple[str, ...] = ("*",)) -> httpx.AsyncClient:
        secret = secrets.new_secret("test")
        hashed = keys.HashedSecret(secrets.prefix_of(secret) or "", secrets.hash_of(secret))
        spec = keys.KeySpec(name="test", env="test", servers=servers, actions=actions)
        async with database.session() as session:
            await keys.add(session, org_id=org_id, spec=spec, secret=hashed)
        return client_with(secret)

    return make


@pytest.fixture
def spooled(
    tmp_path: Path, rows_of: Callable[[bytes], list[dict[str, Any]]]
) -> Callable[[], list[dict[str, Any]]]:
    """Asks for the exported spans that are on disk, as rows."""

    def rows() -> list[dict[str, Any]]:
        paths = spool.segments(tmp_path / "otlp" / "spans")
        frames = [frame for path in paths for frame in spool.read_frames(path, 0, limit=1000)[0]]
        return [row for frame in frames for row in rows_of(frame)]

    return rows


@pytest.fixture
def github() -> Iterator[FakeGitHub]:
    with fake_github() as running:
        yield running


@pytest.fixture
async def provider(admin: httpx.AsyncClient, github: FakeGitHub) -> dict[str, Any]:
    """One of org_default, by which nobody has come in yet."""
    body = {"name": "code", "kind": "github", "issuer": github.url, "allow_private_network": True}
    body |= {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    made = await admin.post("/v1/identity-providers", json=body)
    assert made.status_code == 201, made.text
    assert CLIENT_SECRET not in made.text
    return made.json()["identity_provider"]
