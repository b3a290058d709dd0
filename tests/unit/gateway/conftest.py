"""A gateway worker in a thread of its own, as `role.run` runs it, in front of a FakeServer named `tools`.

Nothing here goes through an HTTP library: `Line` writes and reads the bytes, so that tests see what
arrives when, and can send what no library would.
"""

import asyncio
import dataclasses
import json
import threading
import time
from typing import Any

import bcrypt
import msgspec
import pytest

from gatewayops.base.crypto import Sealer, secret_file
from gatewayops.gateway import role
from gatewayops.gateway.settings import GatewaySettings
from gatewayops.policy.governance import GovernanceSettings
from gatewayops.protocol.forwarded import TrustedProxies
from gatewayops.record import spool
from gatewayops.record.call_record import CallRecord
from gatewayops.record.settings import RecordSettings
from gatewayops.store import snapshot as sn
from gatewayops.testing.fake_server import FakeServer
from gatewayops.upstream.settings import UpstreamSettings

PATIENCE_S = 10.0
VERSION = "2026-07-28"
META = {
    "io.modelcontextprotocol/protocolVersion": VERSION,
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": {"name": "unit-client", "version": "1"},
}
NAMES = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}


def secret(name):
    """The secret of a key, the same in every test."""
    return f"gwo_dev_{name[:4]:x<4}{'a1b2c3d4' * 3}efgh"


_hashes: dict[str, str] = {}


def secret_row(name, *, key_id="", valid_until=None):
    if name not in _hashes:
        _hashes[name] = bcrypt.hashpw(secret(name).encode(), bcrypt.gensalt(4)).decode()
    return sn.SecretRow(secret(name)[:12], _hashes[name], key_id or f"key_{name}", valid_until)


def key_row(name, *, org="org_default", servers=("*",), actions=("mcp.*",), **more):
    return sn.KeyRow(f"key_{name}", org, name, "dev", servers, actions, **more)


class Rules:
    """Builds snapshots. Keys: `main`, `narrow` (only `other`), `lister`, `late`, `foreign`, `exporter`."""

    def __init__(self, data):
        self.data = data
        self.revision = 0
        self.keys = [
            key_row("main", user_id="user_1", team_id="team_1", project_id="proj_1"),
            key_row("narrow", servers=("other",)),
            key_row("lister", actions=("tools.list",)),
            key_row("late", expires_at=time.time() - 1),
            key_row("foreign", org="org_other"),
            key_row("exporter", actions=("telemetry.write",)),
        ]
        self.secrets = [secret_row(key.name) for key in self.keys]
        self.servers = []
        self.prices = []
        self.orgs = [sn.OrgRow("org_default"), sn.OrgRow("org_other")]
        self.governing = {}  # further parts of the snapshot, by name

    def add_server(self, name, url, *, org="org_default", headers=None, **changes):
        row = sn.ServerRow(f"srv_{name}", org, name, url, 5.0, 2.0, 2, 100, True)
        if headers:
            sealer = Sealer(secret_file(self.data / "secrets" / "seal.key"))
            sealed = sealer.seal(json.dumps(headers).encode(), bound_to=row.bound_to())
            changes["sealed_headers"] = sealed
        row = msgspec.structs.replace(row, **changes)
        self.servers = [other for other in self.servers if (other.org_id, other.name) != (org, name)]
        self.servers.append(row)

    def add_key(self, name, **changes):
        self.keys.append(key_row(name, **changes))
        self.secrets.append(secret_row(name))

    def snapshot(self):
        self.revision += 1
        parts = (self.orgs, self.keys, self.secrets, self.servers, self.prices)
        return sn.Snapshot(self.revision, time.time(), *map(tuple, parts), **self.governing)

    def write(self):
        sn.write_file(self.data / "snapshot.msgpack", sn.encode(self.snapshot()))


@dataclasses.dataclass
class Answer:
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name):
        values = [value for key, value in self.headers if key == name]
        assert len(values) < 2
        return values[0] if values else None

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def reason(self):
        """The closed reason, wherever this door puts it."""
        error = self.json.get("error")
        return error["data"]["reason"] if isinstance(error, dict) else self.json["reason"]


class Line:
    """One client connection."""

    def __init__(self, reader, writer):
        self.reader = reader
        self.writer = writer
        self.head = Answer(0, [], b"")

    async def send(self, raw):
        self.writer.write(raw)
        await self.writer.drain()

    async def read_head(self):
        async with asyncio.timeout(PATIENCE_S):
            raw = await self.reader.readuntil(b"\r\n\r\n")
        first, *lines = raw.decode("latin-1").rstrip("\r\n").split("\r\n")
        headers = [
            (name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)
        ]
        self.head = Answer(int(first.split(" ")[1]), headers, b"")
        return self.head

    async def read_chunk(self):
        """The next HTTP chunk; empty at the end of the stream."""
        async with asyncio.timeout(PATIENCE_S):
            size = int(await self.reader.readline(), 16)
            data = await self.reader.readexactly(size)
            await self.reader.readexactly(2)
        return data

    async def read_answer(self, *, has_body=True):
        head = await self.read_head()
        if head.header("transfer-encoding") == "chunked":
            head.body = b"".join([chunk async for chunk in self.chunks()])
        elif has_body:
            async with asyncio.timeout(PATIENCE_S):
                head.body = await self.reader.readexactly(int(head.header("content-length") or 0))
        return head

    async def chunks(self):
        while chunk := await self.read_chunk():
            yield chunk

    async def ended(self):
        """Waits for the gateway to close; what came before that."""
        async with asyncio.timeout(PATIENCE_S):
            return await self.reader.read()

    def hang_up(self):
        self.writer.transport.abort()


class RunningGateway:
    """A worker under test."""

    def __init__(self, data, rules, settings, upstream, control_url, *, oauth_domain="", proxies=()):
        self.data = data
        self.rules = rules
        parts = role.GatewayParts(
            settings, upstream, RecordSettings(), GovernanceSettings(), data, control_url, "internal-token",
            oauth_domain=oauth_domain,
            proxies=TrustedProxies(proxies),
        )  # fmt: skip
        self._parts = parts
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._lines = []

    def _run(self):
        with asyncio.Runner(loop_factory=role._new_loop) as runner:
            self.loop = runner.get_loop()
            self.worker = role.Gateway(self._parts)
            runner.run(self.worker.serve())

    async def start(self):
        self._thread.start()
        await until(lambda: hasattr(self, "worker") and self.worker._server.started)
        self.port = self.worker._server.servers[0].sockets[0].getsockname()[1]
        return self

    def ask_to_stop(self):
        """As SIGTERM does."""
        self.worker._server.should_exit = True

    async def stopped(self):
        await until(lambda: not self._thread.is_alive())

    def close(self):
        for line in self._lines:
            line.hang_up()
        self.ask_to_stop()

    async def apply(self):
        """Hands the worker the rules as they are now, between two calls."""
        done = threading.Event()
        fresh = self.rules.snapshot()
        self.loop.call_soon_threadsafe(lambda: (self.live.apply(fresh), done.set()))
        await until(done.is_set)

    @property
    def live(self):
        return self.worker._feed._live

    def records(self):
        raw = [
            frame
            for segment in spool.segments(self.data / "spool")
            for frame in spool.read_frames(segment, 0, limit=100_000)[0]
        ]
        return [msgspec.msgpack.decode(frame, type=CallRecord) for frame in raw]

    @property
    def record(self):
        """The only record there is."""
        (record,) = self.records()
        return record

    async def recorded(self, count=1):
        """Waits for so many records; the newest."""
        await until(lambda: len(self.records()) >= count)
        return self.records()[-1]

    async def connect(self, **options):
        line = Line(*await asyncio.open_connection("127.0.0.1", self.port, **options))
        self._lines.append(line)
        return line

    async def connect_on(self, raw):
        """On a socket that the test prepared; blocking calls on it are over."""
        raw.setblocking(False)
        line = Line(*await asyncio.open_connection(sock=raw))
        self._lines.append(line)
        return line

    def head(self, verb, path, *, key="main", headers=(), length=None, host=None):
        lines = [f"{verb} {path} HTTP/1.1", f"host: {host or f'127.0.0.1:{self.port}'}"]
        lines += [f"authorization: Bearer {secret(key)}"] if key else []
        pairs = headers.items() if isinstance(headers, dict) else headers
        lines += [f"{name}: {value}" for name, value in pairs]
        lines += [f"content-length: {length}"] if length is not None else []
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    async def ask(self, verb, path, body=None, *, line=None, **options):
        """One request, the whole answer."""
        line = line or await self.connect()
        await line.send(self.head(verb, path, length=None if body is None else len(body), **options))
        if body:
            await line.send(body)
        return await line.read_answer(has_body=verb != "HEAD")

    def message(self, method, params=None, *, era="legacy", rpc_id=1):
        """Headers and body of a JSON-RPC request in the words of an era."""
        message: dict[str, Any] = {"jsonrpc": "2.0", "id": rpc_id, "method": method}
        headers = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
        if era == "modern":
            params = {**(params or {}), "_meta": {**META, **(params or {}).get("_meta", {})}}
            headers |= {"mcp-protocol-version": VERSION, "mcp-method": method}
            if method in NAMES:
                headers["mcp-name"] = params[NAMES[method]]
        if params is not None:
            message["params"] = params
        return headers, json.dumps(message).encode()

    async def begin(
        self, method, params=None, *, server="tools", era="legacy", headers=(), key="main", **more
    ):
        """Sends a JSON-RPC request; the line on which its answer will come."""
        base, body = self.message(method, params, era=era, **more)
        line = await self.connect()
        head = self.head("POST", f"/v1/mcp/{server}", key=key, headers=base | dict(headers), length=len(body))
        await line.send(head + body)
        return line

    async def rpc(self, method, params=None, **options):
        """A JSON-RPC request, the whole answer."""
        return await (await self.begin(method, params, **options)).read_answer()

    async def call(self, tool="echo", arguments=None, **options):
        return await self.rpc("tools/call", {"name": tool, "arguments": arguments or {}}, **options)

    async def rest(self, route, body, *, server="tools", **options):
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await self.ask("POST", f"/v1/mcp/{server}/{route}", raw, **options)


async def until(is_true):
    """Waits for something that happens in another thread or process."""
    async with asyncio.timeout(PATIENCE_S):
        while not is_true():  # noqa: ASYNC110 - other threads set no event of this loop
            await asyncio.sleep(0.005)


@pytest.fixture
def rules(tmp_path):
    return Rules(tmp_path / "data")


@pytest.fixture
async def server():
    """The MCP server `tools`; its `script` may be replaced at any time."""
    async with FakeServer() as fake:
        yield fake


@pytest.fixture
async def control():
    """Stands where the control role would."""
    async with FakeServer() as fake:
        yield fake


@pytest.fixture(scope="session")
async def started():
    """Every worker of the session: a stop takes a moment, and need not hold up the next test."""
    workers = []
    yield workers
    for worker in workers:
        await worker.stopped()


@pytest.fixture
async def start_gateway(rules, server, started):
    """Starts a worker with other settings, a changed row of `tools`, or a control role."""
    running = []

    async def start(
        *,
        settings=None,
        upstream=None,
        row=None,
        control=None,
        is_ready=True,
        headers=None,
        oauth_domain="",
        proxies=(),
    ) -> RunningGateway:
        rules.add_server("tools", headers=headers, **{"url": server.url, **(row or {})})
        if is_ready:
            rules.write()
        url = f"http://127.0.0.1:{control.port}" if control else "http://127.0.0.1:9"
        gateway = RunningGateway(
            rules.data,
            rules,
            GatewaySettings(port=0, **(settings or {})),
            UpstreamSettings(**(upstream or {})),
            url,
            oauth_domain=oauth_domain,
            proxies=proxies,
        )
        running.append(gateway)
        return await gateway.start()

    yield start
    for gateway in running:
        gateway.close()
    started.extend(running)


@pytest.fixture
async def gateway(start_gateway):
    """A worker with the defaults."""
    return await start_gateway()


@pytest.fixture
def key_secret():
    """`key_secret("main")`: the secret of a key of Rules."""
    return secret


@pytest.fixture
def eventually():
    """Waits for a condition."""
    return until
