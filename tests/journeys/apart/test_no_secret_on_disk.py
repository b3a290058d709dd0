"""Secrets of every kind, sent through every door in every place, then looked for in every byte we kept."""

import asyncio
import json
import os
import random
import signal
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from urllib.parse import quote, quote_plus

import httpx
import pytest
import re2

from gatewayops.app.stores import open_telemetry
from gatewayops.cli.local_store import store_for
from gatewayops.record import spool
from gatewayops.settings import load
from gatewayops.testing.installation import Installation
from gatewayops.testing.mirror_server import MirrorServer
from gatewayops.testing.secret_samples import FIELDS, WORD, samples, some

VERSION = "2026-07-28"
MARK = "canary"
RUN = 9  # so many characters of a secret in a row are a leak
HARMLESS = (
    "User-Agent", "X-Request-ID", "X-Trace-ID", "Traceparent", "Tracestate", "Baggage", "Cookie", "Referer",
    "X-Forwarded-For", "Mcp-Param-Region", "Last-Event-ID", "X-Api-Key",
)  # fmt: skip
DECISIVE = (
    "Origin", "Host", "MCP-Protocol-Version", "Mcp-Method", "Mcp-Name", "Mcp-Session-Id", "Authorization",
    "Content-Type",
)  # fmt: skip
"""Headers that decide whether the call is refused; each goes alone."""
FIELD_TOOLS = ("echo", "stream", "refuse", "fail", "garbage", "status")


@dataclass
class Seeds:
    """What was sent, and where it must not be found. `what` names the kind of each needle."""

    calls: int = 0
    needles: dict[str, str] = field(default_factory=dict)

    def add(self, what, secret):
        for at in range(0, max(1, len(secret) - RUN), RUN):
            self.needles.setdefault(secret[at : at + RUN] if len(secret) > RUN else secret, what)

    def found_in(self, raw):
        """Kinds of secrets in these bytes, escaped and quoted ones too; each with what is around it."""
        whats = {quote(needle, safe=""): what for needle, what in self.needles.items()} | self.needles
        options = re2.Options()
        options.max_mem = 256 << 20
        options.never_nl = False
        options.encoding = re2.Options.Encoding.LATIN1
        any_of = re2.compile("|".join(map(re2.escape, whats)).encode(), options)
        leaks = {}
        for form in (raw, raw.replace(b"\\", b"")):
            for match in any_of.finditer(form):
                around = form[max(0, match.start() - 60) : match.end() + 30]
                leaks.setdefault(whats[match.group().decode()], around)
        return leaks


class Sender:
    """Sends one secret to every place that takes text."""

    def __init__(self, url, seeds):
        self.seeds = seeds
        self.http = httpx.Client(base_url=url, timeout=20)
        self.close = self.http.close

    def send(self, verb, path, **request):
        """Counts what the gateway must record: everything below /v1/mcp/."""
        self.seeds.calls += path.startswith("/v1/mcp/")
        return self.http.request(verb, path, **request)

    def rest(self, route, body, *, server="mirror", **request):
        return self.send("POST", f"/v1/mcp/{server}/{route}", json=body, **request)

    def mcp(self, params, *, method="tools/call", rpc_id="1", headers=None, client="", meta=None):
        meta = {
            "io.modelcontextprotocol/protocolVersion": VERSION,
            "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": {"name": client or "seeder", "version": client},
        } | (meta or {})
        message = {"jsonrpc": "2.0", "id": rpc_id, "method": method, "params": params | {"_meta": meta}}
        headers = {"MCP-Protocol-Version": VERSION, "Accept": "application/json, text/event-stream"} | (
            headers or {}
        )
        return self.send("POST", "/v1/mcp/mirror", json=message, headers=headers)

    def texts(self, text):
        """`text` says itself that it is secret: nested, quoted, answered, refused, as a name, as an id."""
        for arguments in (
            {"text": text}, {"a": [{"b": {"c": [1, text]}}]}, {text: 1},
            {"t": json.dumps({"n": json.dumps([text])})}, {"t": f"é {text} ß"},
            {"t": f"use '{text}', please"}, {"url": f"https://example.com/?q={quote_plus(text)}"},
        ):  # fmt: skip
            arguments[MARK] = 1
            self.rest("tools/call", {"tool": "echo", "arguments": arguments})
            self.mcp({"name": "stream", "arguments": arguments})
        for tool in ("echo", "stream-fail", "fail", "refuse", "stream-refuse", "status", "garbage"):
            self.mcp({"name": tool, "arguments": {"text": text}})
            self.rest("tools/call", {"tool": tool, "arguments": {"text": text}})
        self.rest("tools/call", {"tool": text})
        self.rest("resources/read", {"uri": f"file:///{quote(text)}?x={quote_plus(text)}"})
        self.rest("resources/read", {"uri": text})
        self.rest("prompts/get", {"name": text, "arguments": {"a": text}})
        self.rest("tools/list", {"cursor": text})
        self.mcp({"name": text}, rpc_id=text, client=text, meta={"vendor": text, "progressToken": text})
        self.mcp({"text": text}, method=text)
        self.mcp({"text": text}, method=f"notifications/{text}")
        self.mcp({"clientInfo": {"name": text, "version": text, "title": text}}, method="initialize")

    def bad_input(self, text):
        """What is refused: malformed, of wrong types, to nowhere, by nobody."""
        for body in (
            f'{{"tool": "{text}',
            f'{{"tool": {{"x": {json.dumps(text)}}}}}',
            text,
            f'["{quote(text)}"]',
            '{"jsonrpc": "1"}',
        ):
            self.send("POST", "/v1/mcp/mirror/tools/call", content=body)
            self.send("POST", "/v1/mcp/mirror", content=body, headers={"Content-Type": "application/json"})
        safe = quote(text, safe="")
        self.rest("tools/list", {}, server=safe)
        self.send("POST", f"/v1/mcp/mirror/{safe}", json={})
        self.send("POST", f"/v1/mcp/mirror?token={safe}&q={safe}", json={"text": text})
        self.send("PUT", f"/v1/mcp/mirror?q={safe}", json={"text": text})

    def headers(self, text, *, turn):
        """In headers that are read, and some that are not; also as the credentials of a stranger."""
        text = text.replace("\n", " ")
        call = {"tool": "echo", "arguments": {MARK: 1}}
        together = dict.fromkeys(HARMLESS, text)
        for headers in (together, *({name: text} for name in DECISIVE[turn % 2 :: 2])):
            self.rest("tools/call", call, headers=headers)
            self.mcp({"name": "echo", "arguments": {MARK: 1}}, headers=headers)
        for value in (f"Bearer {text}", f"Basic {text}"):
            self.rest("tools/call", call, headers={"Authorization": value})
            self.send("GET", "/v1/mcp/mirror", headers={"Authorization": value})
        self.send("DELETE", "/v1/mcp/mirror", headers={"Mcp-Session-Id": text})

    def fields(self, name, secret):
        """A password that only the name of its field gives away."""
        for turn, arguments in enumerate((
            {name: secret}, {"login": {"user": "bob", name: secret}}, {"t": json.dumps({name: secret})},
            {"text": f"{name}={secret}"}, {"env": [{"name": name, "value": secret}]},
            {name: [secret, {"old": secret}]}, {"url": f"https://example.com/?{name}={secret}&x=1"},
        ), start=len(name)):  # fmt: skip
            for tool in FIELD_TOOLS[turn % 3 :: 3]:
                self.mcp({"name": tool, "arguments": arguments})
            self.rest("tools/call", {"tool": "refuse", "arguments": arguments})
        self.rest("resources/read", {"uri": f"db://host/table?{name}={secret}"})
        self.rest("resources/read", {"uri": f"https://bob:{secret}@example.com/"})
        self.rest("tools/list", {}, headers={"User-Agent": f"agent {name}={secret}"})
        self.rest("tools/list", {}, headers={"X-Request-ID": f"{name}={secret}"})


def manage(sender, installation, mirror, secrets):
    """Servers with secret headers, keys, questions and refused requests, through REST and commands."""
    make_keys(sender, installation)
    assert installation.cli("server", "add", "mirror", "--url", mirror.url).returncode == 0
    for number, text in enumerate(secrets):
        header = ["--url", mirror.url, "--header", f"Authorization: Bearer {text}"]
        if number < 2:
            assert installation.cli("server", "add", f"by-cli-{number}", *header).returncode == 0
            assert installation.cli("server", "test", f"by-cli-{number}").returncode == 0
        body = {"name": f"by-rest-{number}", "url": mirror.url, "allow_private_network": True}
        for change in (
            {"headers": {"X-Api-Key": text}}, {"headers": {"X Api Key": text}}, {"timeout_s": text},
            {"headers": {"X-Api-Key": [text]}}, {"url": f"http://bob:{text}@127.0.0.1/mcp"}, {"name": text},
        ):  # fmt: skip
            sender.send("POST", "/v1/servers", json=body | change)
        sender.send("PATCH", "/v1/servers/by-cli-0", json={"headers": {"X-Api-Key": text}})
        sender.send("POST", "/v1/servers/by-cli-0/test")
        sender.send("POST", "/v1/traces/search", json={"query": text})
        sender.send("POST", "/v1/traces/search", json={"query": text, "limit": text})
        sender.send("POST", "/v1/auth/keys", json={"name": "x", "env": text})
        sender.send("POST", "/v1/auth/keys", content=f'{{"name": "x", "metadata": "{text}')
        sender.send("GET", "/v1/auth/keys", headers={"Authorization": f"Bearer {text}"})
        sender.send("GET", "/internal/snapshot", headers={"X-GatewayOps-Internal": text})
        safe = quote(text, safe="")
        for path in (safe, f"v1/traces/{safe}", f"v1/traces?tool={safe}&cursor={safe}", f"v1/servers/{safe}"):
            sender.send("GET", f"/{path}")
        sender.rest("tools/list", {}, server="by-cli-0")
    wrong = installation.cli("server", "set", "by-cli-1", "--header", f"no colon {secrets[0]}")
    assert wrong.returncode == 2
    assert secrets[0] not in wrong.stderr


@dataclass
class Kept:
    """All that was left behind."""

    seeds: Seeds
    spool: bytes
    spooled: int
    rows: list[dict]
    files: dict[str, bytes]
    printed: bytes


@pytest.fixture(scope="module")
def kept(tmp_path_factory, eventually):
    """Records wait in the spool at first, uncompressed, because control is stopped; then they are stored."""
    installation = Installation(tmp_path_factory.mktemp("seeded") / "data")
    seeds = Seeds()
    with MirrorServer(piece_pause_s=0).running() as mirror:
        try:
            installation.start()
            with closing(Sender(installation.url, seeds)) as sender:
                manage(sender, installation, mirror, [sample.text.replace("\n", " ") for sample in SAMPLES])
                os.kill(installation.pids["control"], signal.SIGSTOP)
                send_all(sender)
            frames, raw = spooled(installation.data)
            os.kill(installation.pids["control"], signal.SIGCONT)
            eventually(lambda: installation.cli("trace", "show", "the-last-call").returncode == 0)
        finally:
            installation.close()
    rows = asyncio.run(stored_rows(installation.data))
    files = {str(path): path.read_bytes() for path in installation.data.rglob("*") if path.is_file()}
    printed = (installation.banner + installation.log).encode()
    return Kept(seeds, raw, frames, rows, files, printed)


SAMPLES = list(samples(seed=77, per_kind=1))
SHAPES = {
    "an ini file's key": "[default]\naws_secret_access_key = {}\nregion = eu",
    "a session token": "export AWS_SESSION_TOKEN=FwoG{}",
    "a slack browser token": "xoxc-{}",
    "a key in JSON": '{{"key": "-----BEGIN PRIVATE KEY-----\\n{0}\\n{0}\\n-----END PRIVATE KEY-----"}}',
    "a key without its end": "-----BEGIN EC PRIVATE KEY-----\n{0}\n{0}",
    "an odd bearer token": "curl -H 'Authorization: Bearer {}.~+/x=='",
    "a proxy's credentials": "Proxy-Authorization: Basic {}",
    "a cookie": "Cookie: a=1; session={}; b=2",
    "a cookie that is set": "Set-Cookie: sid={}; HttpOnly",
    "an access token in a fragment": "https://example.com/#access_token={}&x=1",
    "a JDBC address": "jdbc:mysql://host/db?user=a&password={}",
    "an ADO address": "Server=a;Pwd={};Database=b",
    "a storage account's key": "DefaultEndpointsProtocol=https;AccountName=a;AccountKey={}==;",
    "a dict of Python": "{{'password': '{}'}}",
    "a hash of Ruby": ':password => "{}"',
    "an attribute": '<db user="a" password="{}"/>',
    "a password alone in a URL": "redis://:{}@host:6379/1",
    "a package registry's token": "//registry.example.com/:_authToken={}",
}
"""More kinds, written down without a look at the masks."""


def make_keys(sender, installation):
    """By a command, through the API, and by rotation; they are seeds themselves. Calls go on as the first."""
    admin = installation.json("key", "create", "admin", "--admin")["secret"]
    sender.http.headers["Authorization"] = f"Bearer {admin}"
    made = sender.send("POST", "/v1/auth/keys", json={"name": "made"}).json()["key"]
    rotated = sender.send("POST", f"/v1/auth/keys/{made['id']}/rotate").json()["key"]
    for name, key in {
        "made by a command": admin,
        "made": made["secret"],
        "rotated": rotated["secret"],
    }.items():
        sender.seeds.add(f"our key, {name}", key.rpartition("_")[2][4:])


def send_all(sender):
    """Every kind at every place."""
    rng = random.Random(78)
    for turn, sample in enumerate(SAMPLES):
        sender.seeds.add(sample.kind, sample.secret.replace("\n", " "))
        sender.texts(sample.text)
        sender.bad_input(sample.text)
        sender.headers(sample.text, turn=turn)
    for what, shape in SHAPES.items():
        secret = some(rng, WORD, 40)
        sender.seeds.add(what, secret)
        sender.texts(shape.format(secret))
    for name in FIELDS:
        secret = some(rng, WORD, 18)
        sender.seeds.add(f"field {name}", secret)
        sender.fields(name, secret)
    sender.rest("tools/list", {}, headers={"X-Trace-ID": "the-last-call"})


def spooled(data):
    """How many records are in the spool, and all its bytes."""
    frames, raw = 0, b""
    for path in spool.segments(data / "spool"):
        payloads, _ = spool.read_frames(path, 0, limit=1_000_000)
        frames += len(payloads)
        raw += path.read_bytes()
    return frames, raw


async def stored_rows(data):
    """Every row of every table that the telemetry store keeps."""
    settings = load({"data_dir": str(data)})
    with store_for(settings, is_needed=True) as store:
        async with open_telemetry(settings, store_address=store.address) as telemetry:
            tables = await telemetry.rows(
                "SELECT concat(database, '.', name) AS at FROM system.tables "
                "WHERE engine LIKE '%MergeTree%' OR (database = 'system' AND name LIKE '%log')"
            )
            return [row for table in tables for row in await telemetry.rows(f"SELECT * FROM {table['at']}")]


def test_the_seeds_are_many_and_every_call_was_recorded(kept):
    assert len(set(kept.seeds.needles.values())) >= 50
    assert kept.spooled == kept.seeds.calls
    spans = [row for row in kept.rows if "span_id" in row]
    assert len(spans) == kept.seeds.calls
    assert sum("canary" in span["request_body"] for span in spans) > 500


def test_no_secret_is_in_the_spool(kept):
    assert kept.seeds.found_in(kept.spool) == {}


def test_no_secret_is_in_a_stored_row(kept):
    assert kept.seeds.found_in(json.dumps(kept.rows, default=str, ensure_ascii=False).encode()) == {}


def test_no_secret_is_in_any_byte_of_any_file(kept):
    assert {path: found for path, raw in kept.files.items() if (found := kept.seeds.found_in(raw))} == {}


def test_no_secret_is_in_the_control_store(kept):
    [path] = [path for path in kept.files if path.endswith("control.db")]
    with closing(sqlite3.connect(path)) as database:
        assert kept.seeds.found_in("\n".join(database.iterdump()).encode()) == {}


def test_no_secret_is_printed_or_logged(kept):
    assert kept.printed
    assert kept.seeds.found_in(kept.printed) == {}
